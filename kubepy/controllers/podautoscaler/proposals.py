"""What each metric of an autoscaler proposes: reads the metric, lets ``proportion`` compute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kubepy.api.resources import BY_GVK
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.controllers.podautoscaler import grouping, proportion
from kubepy.controllers.podautoscaler.grouping import PodMetrics
from kubepy.controllers.podautoscaler.metrics_client import MetricsClient
from kubepy.controllers.podautoscaler.proportion import MetricError, Tolerances
from kubepy.controllers.podautoscaler.selectors import go_selector
from kubepy.machinery.gvk import GVK, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity
from kubepy.util.clock import Clock

NO_PODS = "no pods returned by selector while calculating replica count"
UNABLE = "the HPA was unable to compute the replica count: {}"


@dataclass(frozen=True)
class Target:
    """What is scaled: replicas wanted and reported, the selector's text, the pods that it selects."""

    namespace: str
    replicas: int
    status_replicas: int
    selector: str
    pods: Sequence[Obj]
    tolerances: Tolerances


@dataclass(frozen=True)
class Proposed:
    """One metric's count, its name in messages, and its value for the status."""

    replicas: int
    metric: str
    status: Obj


class ProposalFailed(Exception):
    """A metric gives no count: the condition's reason, what is wrong, and that in the words of the whole."""

    def __init__(self, reason: str, detail: str, summary: str) -> None:
        super().__init__(summary)
        self.reason = reason
        self.detail = detail


class Proposals:
    """Computes proposals by the controller's settings."""

    def __init__(self, metrics: MetricsClient, config: ControllerManagerConfig, clock: Clock) -> None:
        self._metrics = metrics
        self._config = config
        self._clock = clock
        self._by_type: dict[str, tuple[str, Callable[[Obj, Target], Awaitable[Proposed]]]] = {
            "Resource": ("resource", self._resource),
            "ContainerResource": ("containerResource", self._container_resource),
            "Pods": ("pods", self._pods),
            "Object": ("object", self._object),
            "External": ("external", self._external),
        }

    async def of(self, spec: Obj, target: Target) -> Proposed:
        """What one entry of ``spec.metrics`` proposes. Raises ProposalFailed."""
        kind = spec["type"]
        if kind not in self._by_type:
            detail = f'unknown metric source type "{kind}"'
            raise ProposalFailed("InvalidMetricSourceType", detail, detail)
        field, compute = self._by_type[kind]
        source = spec[field]
        try:
            return await compute(source, target)
        except MetricError as error:
            what = {
                "Resource": f"{source.get('name')} resource",
                "ContainerResource": f"{source.get('name')} container",
                "Pods": "pods",
                "Object": "object",
                "External": f"{(source.get('metric') or {}).get('name')} external",
            }[kind]
            failed = f"Failed{'Get' + kind}Metric"
            raise ProposalFailed(failed, str(error), f"failed to get {what} metric value: {error}") from error

    async def _resource(self, source: Obj, target: Target) -> Proposed:
        return await self._of_resource(source, target, "resource", "")

    async def _container_resource(self, source: Obj, target: Target) -> Proposed:
        return await self._of_resource(source, target, "container resource", source["container"])

    async def _of_resource(self, source: Obj, target: Target, what: str, container: str) -> Proposed:
        resource, aim = source["name"], source["target"]
        by_average = aim.get("averageValue") is not None
        try:
            try:
                metrics = await self._metrics.resource(target.namespace, target.selector, resource, container)
            except MetricError as error:
                raise MetricError(f"unable to get metrics for resource {resource}: {error}") from error
            groups = self._group(target, metrics, resource)
            if by_average:
                wanted = _milli(aim["averageValue"])
                found = proportion.by_average(target.replicas, wanted, metrics, groups, target.tolerances)
            else:
                requests = proportion.requests_of(target.pods, resource, container)
                wanted = int(aim["averageUtilization"])
                found = proportion.by_utilization(
                    target.replicas, wanted, metrics, requests, groups, target.tolerances
                )
        except MetricError as error:
            raise MetricError(
                f"failed to get {resource} {'usage' if by_average else 'utilization'}: {error}"
            ) from error
        current: Obj = {"averageValue": _quantity(found.value)}
        name = f"{resource} {what}"
        if not by_average:
            current["averageUtilization"] = found.utilization
            name += " utilization (percentage of request)"
        status: Obj = {"name": resource, "current": current}
        if container:
            status["container"] = container
        field = "containerResource" if container else "resource"
        return Proposed(found.replicas, name, {"type": field[0].upper() + field[1:], field: status})

    async def _pods(self, source: Obj, target: Target) -> Proposed:
        metric = source["metric"]
        try:
            metrics = await self._metrics.pods(target.namespace, target.selector, metric)
        except MetricError as error:
            raise MetricError(f"unable to get metric {metric['name']}: {error}") from error
        wanted = _milli(source["target"]["averageValue"])
        groups = self._group(target, metrics, "")
        found = proportion.by_average(target.replicas, wanted, metrics, groups, target.tolerances)
        status = {"metric": metric, "current": {"averageValue": _quantity(found.value)}}
        return Proposed(found.replicas, f"pods metric {metric['name']}", {"type": "Pods", "pods": status})

    async def _object(self, source: Obj, target: Target) -> Proposed:
        metric, described, aim = source["metric"], source["describedObject"], source["target"]
        try:
            usage, _ = await self._metrics.object(
                target.namespace, _resource_of(described), described["name"], metric
            )
        except MetricError as error:
            where = f"{described['kind']} on {target.namespace} {described['name']}/{error}"
            raise MetricError(f"unable to get metric {metric['name']}: {where}") from error
        replicas, current = self._shared(usage, aim, target, per_pod=aim.get("type") == "AverageValue")
        status = {"metric": metric, "describedObject": described, "current": current}
        name = f"{described['kind']} metric {metric['name']}"
        return Proposed(replicas, name, {"type": "Object", "object": status})

    async def _external(self, source: Obj, target: Target) -> Proposed:
        metric, aim = source["metric"], source["target"]
        selector = go_selector(metric.get("selector"))
        try:
            values, _ = await self._metrics.external(target.namespace, metric)
        except MetricError as error:
            detail = f"unable to get external metric {target.namespace}/{metric['name']}/{selector}: {error}"
            raise MetricError(f"failed to get {metric['name']} external metric: {detail}") from error
        per_pod = aim.get("averageValue") is not None
        replicas, current = self._shared(sum(values), aim, target, per_pod=per_pod)
        name = f"external metric {metric['name']}({selector})"
        status = {"metric": metric, "current": current}
        return Proposed(replicas, name, {"type": "External", "external": status})

    def _shared(self, usage: int, aim: Obj, target: Target, *, per_pod: bool) -> tuple[int, Obj]:
        """(replicas, current value) for a metric that is not of the pods."""
        if per_pod:
            wanted = _milli(aim["averageValue"])
            replicas, each = proportion.by_value_per_pod(
                target.status_replicas, usage, wanted, target.tolerances
            )
            return replicas, {"averageValue": _quantity(each)}
        wanted = _milli(aim["value"])
        replicas = proportion.by_value(target.replicas, usage, wanted, target.pods, target.tolerances)
        return replicas, {"value": _quantity(usage)}

    def _group(self, target: Target, metrics: PodMetrics, resource: str) -> grouping.Groups:
        if not target.pods:
            raise MetricError(NO_PODS)
        return grouping.group(
            target.pods,
            metrics,
            resource,
            now=self._clock.now(),
            cpu_initialization_period=self._config.horizontal_pod_autoscaler_cpu_initialization_period,
            initial_readiness_delay=self._config.horizontal_pod_autoscaler_initial_readiness_delay,
        )


def _resource_of(described: Obj) -> str:
    """The resource of a described object, as the custom metrics API's paths have it."""
    group, version = parse_api_version(described.get("apiVersion") or "v1")
    known = BY_GVK.get(GVK(group, version, described["kind"]))
    if known is not None:
        return str(known.gvr.gr)
    # The kind of a custom resource, or one without a version: the plural as Kubernetes guesses it.
    by_kind = next((r for gvk, r in BY_GVK.items() if gvk.kind == described["kind"] and not group), None)
    if by_kind is not None:
        return str(by_kind.gvr.gr)
    kind = str(described["kind"]).lower()
    plural = f"{kind}es" if kind.endswith("s") else f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{plural}.{group}" if group else plural


def _milli(quantity: str | int) -> int:
    return Quantity.parse(quantity).milli_value()


def _quantity(milli: int) -> str:
    return str(Quantity.from_milli(milli))
