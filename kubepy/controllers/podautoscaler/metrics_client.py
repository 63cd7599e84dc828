"""Reads the three metrics APIs: metrics.k8s.io, custom.metrics.k8s.io, external.metrics.k8s.io."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from kubepy.client import Client, ConnectionFailed
from kubepy.controllers.podautoscaler.grouping import PodMetric
from kubepy.controllers.podautoscaler.proportion import MetricError
from kubepy.machinery import labels, meta
from kubepy.machinery.errors import StatusError, is_not_found
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity
from kubepy.machinery.timestamps import parse
from kubepy.util.clock import Clock

CUSTOM = "custom.metrics.k8s.io"
EXTERNAL = "external.metrics.k8s.io"
RESOURCES = "/apis/metrics.k8s.io/v1beta1"
DISCOVERY_VALID_FOR = 300.0


class MetricsClient(Protocol):
    """Values are thousandths. Every method raises MetricError with Kubernetes' text."""

    async def resource(
        self, namespace: str, selector: str, resource: str, container: str = ""
    ) -> dict[str, PodMetric]:
        """What pods use of a resource, or what one container of each does."""

    async def pods(self, namespace: str, selector: str, metric: Obj) -> dict[str, PodMetric]:
        """A custom metric of pods; ``metric`` is a MetricIdentifier."""

    async def object(self, namespace: str, resource: str, name: str, metric: Obj) -> tuple[int, datetime]:
        """A custom metric of one object; ``resource`` as "ingresses.networking.k8s.io"."""

    async def external(self, namespace: str, metric: Obj) -> tuple[list[int], datetime]:
        """A metric of something outside the cluster."""


class RestMetricsClient:
    """By the API server."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._version = ""
        self._version_until = 0.0

    async def resource(
        self, namespace: str, selector: str, resource: str, container: str = ""
    ) -> dict[str, PodMetric]:
        path = f"{RESOURCES}/namespaces/{namespace}/pods"
        items = await self._items("resource", path, {"labelSelector": selector})
        found = {}
        for item in items:
            metric = container_metric(item, resource, container) if container else pod_metric(item, resource)
            if metric is not None:
                found[meta.name(item)] = metric
        return found

    async def pods(self, namespace: str, selector: str, metric: Obj) -> dict[str, PodMetric]:
        params = {"labelSelector": selector} | _selection("metricLabelSelector", metric)
        path = f"{await self._custom()}/namespaces/{namespace}/pods/*/{quote(metric['name'], safe='')}"
        items = await self._items("custom", path, params)
        return {
            item["describedObject"]["name"]: PodMetric(
                _milli(item["value"]), parse(item["timestamp"]), item.get("windowSeconds") or 60.0
            )
            for item in items
        }

    async def object(self, namespace: str, resource: str, name: str, metric: Obj) -> tuple[int, datetime]:
        scope = f"namespaces/{namespace}/{resource}/{name}" if namespace else f"{resource}/{name}"
        if resource == "namespaces":
            scope = f"namespaces/{name}/metrics"
        path = f"{await self._custom()}/{scope}/{quote(metric['name'], safe='')}"
        item = (await self._items("custom", path, _selection("metricLabelSelector", metric)))[0]
        return _milli(item["value"]), parse(item["timestamp"])

    async def external(self, namespace: str, metric: Obj) -> tuple[list[int], datetime]:
        path = f"/apis/{EXTERNAL}/v1beta1/namespaces/{namespace}/{quote(metric['name'], safe='')}"
        items = await self._items("external", path, _selection("labelSelector", metric))
        return [_milli(item["value"]) for item in items], parse(items[0]["timestamp"])

    async def _custom(self) -> str:
        """The root of the newest version of the custom metrics API that is served."""
        if not self._version or self._clock.monotonic() > self._version_until:
            try:
                group = (await self._client.raw("GET", f"/apis/{CUSTOM}")).json()
                self._version = group["preferredVersion"]["version"]
            except StatusError as error:
                missing = is_not_found(error)
                text = f"no custom metrics API ({CUSTOM}) registered" if missing else error.message
                raise MetricError(f"unable to fetch metrics from custom metrics API: {text}") from error
            except ConnectionFailed as error:
                raise MetricError(f"unable to fetch metrics from custom metrics API: {error}") from error
            self._version_until = self._clock.monotonic() + DISCOVERY_VALID_FOR
        return f"/apis/{CUSTOM}/{self._version}"

    async def _items(self, api: str, path: str, params: dict[str, str]) -> list[Any]:
        try:
            answer = (await self._client.raw("GET", path, params=params)).json()
        except StatusError as error:
            raise MetricError(f"unable to fetch metrics from {api} metrics API: {error.message}") from error
        except ConnectionFailed as error:
            raise MetricError(f"unable to fetch metrics from {api} metrics API: {error}") from error
        if not answer.get("items"):
            raise MetricError(f"no metrics returned from {api} metrics API")
        return list(answer["items"])


def pod_metric(item: Obj, resource: str) -> PodMetric | None:
    """The sum over the containers of a PodMetrics; None when one of them lacks it."""
    usages = [container.get("usage") or {} for container in item.get("containers") or ()]
    if not usages or any(resource not in usage for usage in usages):
        return None
    return _metric(item, (usage[resource] for usage in usages))


def container_metric(item: Obj, resource: str, container: str) -> PodMetric | None:
    """What one container of a PodMetrics uses. Raises MetricError when it is not listed."""
    usage = next((c.get("usage") or {} for c in item.get("containers") or () if c["name"] == container), None)
    if usage is None:
        where = f"{meta.namespace(item)}/{meta.name(item)}"
        raise MetricError(f"container {container} not present in metrics for pod {where}")
    return _metric(item, [usage[resource]]) if resource in usage else None


def _metric(item: Obj, values: Iterable[str]) -> PodMetric:
    return PodMetric(sum(map(_milli, values)), parse(item["timestamp"]), _seconds(item.get("window")))


def _milli(quantity: str | int) -> int:
    return Quantity.parse(quantity).milli_value()


def _seconds(duration: str | None) -> float:
    """Of a Go duration ("30s", "1m15.2s")."""
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    text = (duration or "60s").replace("ms", "L")
    for character in text:
        if character.isdigit() or character == ".":
            number += character
        else:
            total += float(number or 0) * (0.001 if character == "L" else units.get(character, 0.0))
            number = ""
    return total


def _selection(parameter: str, metric: Obj) -> dict[str, str]:
    selector = metric.get("selector")
    text = str(labels.from_label_selector(selector)) if selector else ""
    return {parameter: text} if text else {}
