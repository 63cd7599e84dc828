"""Counters, gauges and histograms, and their text for Prometheus.

The names of what a manager counts are controller-runtime's and client-go's, so that dashboards made for
those show operators made with this package.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from kubepy.operator.reconcile import Request
from kubepy.util.clock import Clock

QUEUE_BUCKETS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
RECONCILE_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0),
    *(25.0, 30.0, 40.0, 50.0, 60.0),
)


class Counter:
    """A number that only grows."""

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        self.value += amount

    def lines(self, name: str, labels: str) -> list[str]:
        return [f"{name}{_braces(labels)} {_number(self.value)}"]


class Gauge:
    """A number that is asked for when the text is made, or set."""

    def __init__(self, read: Callable[[], float] | None = None) -> None:
        self.value = 0.0
        self.read = read

    def set(self, value: float) -> None:
        self.value = value

    def lines(self, name: str, labels: str) -> list[str]:
        return [f"{name}{_braces(labels)} {_number(self.read() if self.read else self.value)}"]


class Histogram:
    """How often values fell below each bound."""

    def __init__(self, buckets: Sequence[float]) -> None:
        self._bounds = tuple(buckets)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        return sum(self._counts)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def lines(self, name: str, labels: str) -> list[str]:
        lines, total = [], 0
        comma = "," if labels else ""
        for bound, count in zip((*map(_number, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{{labels}{comma}le="{bound}"}} {total}')
        return [
            *lines,
            f"{name}_sum{_braces(labels)} {_number(self.sum)}",
            f"{name}_count{_braces(labels)} {total}",
        ]


Metric = Counter | Gauge | Histogram


class Registry:
    """The metrics of a manager. The same name and labels give the same metric; an operator adds its own."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str, dict[str, Metric]]] = {}

    def counter(self, name: str, help: str, /, **labels: str) -> Counter:
        """A counter; its name should end in _total."""
        metric = self._get(name, help, "counter", labels, Counter)
        assert isinstance(metric, Counter)
        return metric

    def gauge(self, name: str, help: str, read: Callable[[], float] | None = None, /, **labels: str) -> Gauge:
        """A gauge, to be set, or read from `read` at each scrape."""
        metric = self._get(name, help, "gauge", labels, lambda: Gauge(read))
        assert isinstance(metric, Gauge)
        return metric

    def histogram(
        self, name: str, help: str, buckets: Sequence[float] = RECONCILE_BUCKETS, /, **labels: str
    ) -> Histogram:
        """A histogram with these upper bounds (rising)."""
        metric = self._get(name, help, "histogram", labels, lambda: Histogram(buckets))
        assert isinstance(metric, Histogram)
        return metric

    def _get(
        self, name: str, help: str, kind: str, labels: dict[str, str], make: Callable[[], Metric]
    ) -> Metric:
        known_kind, _, series = self._families.setdefault(name, (kind, help, {}))
        if known_kind != kind:
            raise ValueError(f"metric {name} is a {known_kind}")
        key = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(labels.items()))
        if key not in series:
            series[key] = make()
        return series[key]

    def text(self) -> str:
        """All of it in Prometheus' text format, version 0.0.4."""
        lines: list[str] = []
        for name, (kind, help, series) in sorted(self._families.items()):
            lines += [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
            for labels, metric in series.items():
                lines += metric.lines(name, labels)
        return "\n".join(lines) + "\n"


class QueueMetrics:
    """What client-go counts of a work queue; the queue's observer."""

    def __init__(self, registry: Registry, clock: Clock, name: str, depth: Callable[[], int]) -> None:
        labels = {"name": name, "controller": name}
        self._clock = clock
        self._since: dict[Request, float] = {}
        self._started: dict[Request, float] = {}
        self._adds = registry.counter(
            "workqueue_adds_total", "Total number of adds handled by workqueue", **labels
        )
        self._retries = registry.counter(
            "workqueue_retries_total", "Total number of retries handled by workqueue", **labels
        )
        registry.gauge("workqueue_depth", "Current depth of workqueue", depth, **labels)
        self._latency = registry.histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            QUEUE_BUCKETS,
            **labels,
        )
        self._work = registry.histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            QUEUE_BUCKETS,
            **labels,
        )
        registry.gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            self._longest,
            **labels,
        )

    def added(self, item: Request) -> None:
        self._adds.value += 1
        self._since[item] = self._clock.monotonic()

    def taken(self, item: Request) -> None:
        now = self._started[item] = self._clock.monotonic()
        self._latency.observe(now - self._since.pop(item, now))

    def done(self, item: Request) -> None:
        started = self._started.pop(item, None)
        if started is not None:
            self._work.observe(self._clock.monotonic() - started)

    def retried(self, item: Request) -> None:
        self._retries.value += 1

    def _longest(self) -> float:
        return self._clock.monotonic() - min(self._started.values()) if self._started else 0.0


def _braces(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
