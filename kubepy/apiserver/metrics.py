"""Metrics of the API server in Prometheus' text format, under Kubernetes' names."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from kubepy.apiserver.requests import RequestInfo

_BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 4.0, 6.0, 10.0, 30.0, 60.0)
_Labels = tuple[str, str, str, str, str]  # verb, group, version, resource, subresource


class _Series:
    """The requests of one kind: how many were answered with which code, and how long that took."""

    __slots__ = ("buckets", "codes", "seconds")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.buckets = [0] * (len(_BUCKETS) + 1)  # not cumulative; the last is all above
        self.seconds = 0.0


class Metrics:
    """Counters of requests; gauges are given when the text is asked for.

    Of several processes behind one port each has the label "worker": who answers tells only what is its own.
    """

    def __init__(self, worker: int | None = None) -> None:
        self._worker = "" if worker is None else f'worker="{worker}"'
        self._series: dict[_Labels, _Series] = {}

    def observe(self, info: RequestInfo | None, code: int, seconds: float) -> None:
        """Count an answered request; the duration of watches is not one of interest."""
        if info is None:
            return
        labels = info.verb, info.group, info.version, info.resource, info.subresource
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Series()
        series.codes[code] = series.codes.get(code, 0) + 1
        if info.verb != "watch":
            series.buckets[bisect_left(_BUCKETS, seconds)] += 1
            series.seconds += seconds

    def text(self, gauges: dict[str, tuple[str, float]]) -> str:
        """Everything, with gauges as name -> (help, value)."""
        lines = [
            "# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, group, "
            "version, resource, subresource and HTTP response code.",
            "# TYPE apiserver_request_total counter",
        ]
        by_labels = sorted(self._series.items())
        for labels, series in by_labels:
            for code, count in sorted(series.codes.items()):
                lines.append(f"apiserver_request_total{{{self._names(labels, code)}}} {count}")
        name = "apiserver_request_duration_seconds"
        lines += [f"# HELP {name} Response latency distribution in seconds.", f"# TYPE {name} histogram"]
        for labels, series in by_labels:
            if labels[0] == "watch":
                continue
            shown = self._names(labels)
            *totals, all_of_them = accumulate(series.buckets)
            for bound, total in zip(_BUCKETS, totals, strict=True):
                lines.append(f'{name}_bucket{{{shown},le="{bound}"}} {total}')
            lines.append(f'{name}_bucket{{{shown},le="+Inf"}} {all_of_them}')
            lines.append(f"{name}_sum{{{shown}}} {series.seconds:.6f}")
            lines.append(f"{name}_count{{{shown}}} {all_of_them}")
        for gauge, (explanation, value) in gauges.items():
            shown = f"{gauge}{{{self._worker}}}" if self._worker else gauge
            lines += [f"# HELP {gauge} {explanation}", f"# TYPE {gauge} gauge", f"{shown} {value:g}"]
        return "\n".join(lines) + "\n"

    def _names(self, labels: _Labels, code: int | None = None) -> str:
        verb, group, version, resource, subresource = labels
        shown = [
            f'verb="{verb.upper()}",group="{group}",version="{version}",resource="{resource}"',
            f'subresource="{subresource}"',
        ]
        if code is not None:
            shown.append(f'code="{code}"')
        if self._worker:
            shown.append(self._worker)
        return ",".join(shown)
