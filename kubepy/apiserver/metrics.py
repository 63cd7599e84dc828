"""Metrics of the API server in Prometheus' text format, under Kubernetes' names."""

from __future__ import annotations

from collections import defaultdict

from kubepy.apiserver.requests import RequestInfo

_BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 4.0, 6.0, 10.0, 30.0, 60.0)
_Labels = tuple[str, str, str, str, str, str]


class Metrics:
    """Counters of requests; gauges are given when the text is asked for.

    Of several processes behind one port each has the label "worker": who answers tells only what is its own.
    """

    def __init__(self, worker: int | None = None) -> None:
        self._worker = "" if worker is None else f'worker="{worker}"'
        self._requests: dict[_Labels, int] = defaultdict(int)
        self._durations: dict[_Labels, list[float]] = {}

    def observe(self, info: RequestInfo | None, method: str, code: int, seconds: float) -> None:
        """Count an answered request; the duration of watches is not one of interest."""
        if info is None:
            return
        labels = (info.verb.upper(), info.group, info.version, info.resource, info.subresource, "")
        self._requests[(*labels[:5], str(code))] += 1
        if info.verb == "watch":
            return
        series = self._durations.get(labels)
        if series is None:
            series = self._durations[labels] = [0.0] * (len(_BUCKETS) + 2)
        for position, bound in enumerate(_BUCKETS):
            if seconds <= bound:
                series[position] += 1
                break
        series[-2] += seconds
        series[-1] += 1

    def text(self, gauges: dict[str, tuple[str, float]]) -> str:
        """Everything, with gauges as name -> (help, value)."""
        lines = [
            "# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, group, "
            "version, resource, subresource and HTTP response code.",
            "# TYPE apiserver_request_total counter",
        ]
        for labels, count in sorted(self._requests.items()):
            lines.append(f"apiserver_request_total{{{self._names(labels)}}} {count}")
        name = "apiserver_request_duration_seconds"
        lines += [f"# HELP {name} Response latency distribution in seconds.", f"# TYPE {name} histogram"]
        for labels, series in sorted(self._durations.items()):
            shown, total = self._names(labels), 0.0
            for position, bound in enumerate(_BUCKETS):
                total += series[position]
                lines.append(f'{name}_bucket{{{shown},le="{bound}"}} {total:.0f}')
            lines.append(f'{name}_bucket{{{shown},le="+Inf"}} {series[-1]:.0f}')
            lines.append(f"{name}_sum{{{shown}}} {series[-2]:.6f}")
            lines.append(f"{name}_count{{{shown}}} {series[-1]:.0f}")
        for gauge, (explanation, value) in gauges.items():
            shown = f"{gauge}{{{self._worker}}}" if self._worker else gauge
            lines += [f"# HELP {gauge} {explanation}", f"# TYPE {gauge} gauge", f"{shown} {value:g}"]
        return "\n".join(lines) + "\n"

    def _names(self, labels: _Labels) -> str:
        verb, group, version, resource, subresource, code = labels
        shown = [
            f'verb="{verb}",group="{group}",version="{version}",resource="{resource}"',
            f'subresource="{subresource}"',
        ]
        if code:
            shown.append(f'code="{code}"')
        if self._worker:
            shown.append(self._worker)
        return ",".join(shown)
