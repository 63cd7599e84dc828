"""HorizontalPodAutoscalers at work, on virtual time: scaled up at once, down after the window, told why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kubepy.api.resources import DEPLOYMENTS, HPAS, PODS
from kubepy.controllers.context import Context
from kubepy.controllers.podautoscaler import controller
from kubepy.controllers.podautoscaler.grouping import PodMetric
from kubepy.controllers.podautoscaler.proportion import MetricError
from kubepy.machinery import meta
from kubepy.operator import Controller
from tests.controllers.world import World, condition

pytestmark = pytest.mark.anyio


class Metrics:
    """Every pod uses ``cpu`` thousandths of a core."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.cpu = 500
        self.queue = 0
        self.broken = ""

    def new(self, context: Context) -> Controller:
        return controller.new_with(context, self)

    async def resource(self, namespace: str, selector: str, resource: str, container: str = "") -> Any:
        if self.broken:
            raise MetricError(self.broken)
        now = self._world.clock.now()
        return {meta.name(p): PodMetric(self.cpu, now, 30) for p in self._world.pods()}

    async def pods(self, namespace: str, selector: str, metric: Any) -> Any:
        raise MetricError("no metrics returned from custom metrics API")

    async def object(self, namespace: str, resource: str, name: str, metric: Any) -> tuple[int, datetime]:
        assert resource == "ingresses.networking.k8s.io"
        return self.queue, self._world.clock.now()

    async def external(self, namespace: str, metric: Any) -> tuple[list[int], datetime]:
        if self.queue == 0:
            raise MetricError("no metrics returned from external metrics API")
        return [self.queue], self._world.clock.now()


def deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": "web"}
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "d"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        "status": {"replicas": replicas},
    }


def autoscaler(*metrics: Any, **spec: Any) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": utilization(50)}}
    bounds = {"minReplicas": 1, "maxReplicas": 10, "metrics": list(metrics) or [cpu]}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "d"},
        "spec": {"scaleTargetRef": reference, **bounds, **spec},
    }


def utilization(percent: int) -> dict[str, Any]:
    return {"type": "Utilization", "averageUtilization": percent}


def world_with(replicas: int) -> tuple[World, Metrics]:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas))
    follow(world)
    return world, Metrics(world)


def follow(world: World) -> None:
    """The Deployment's controllers and the kubelets: as many running pods as are asked for."""
    wanted = world.one(DEPLOYMENTS, "web")["spec"]["replicas"]
    have = world.names(PODS)
    for name in have[wanted:]:
        world.remove(PODS, name)
    for number in range(len(have), wanted):
        template = world.one(DEPLOYMENTS, "web")["spec"]["template"]
        started = "2020-01-01T00:00:00Z"
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}
        pod["metadata"] = {"name": f"web-{number:02}", "namespace": "d", **template["metadata"]}
        world.add(PODS, pod)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": started}
        world.run_pod(f"web-{number:02}", startTime=started, conditions=[ready])
    world.change(DEPLOYMENTS, "web", lambda d: d.update(status={"replicas": wanted}))


def replicas(world: World) -> int:
    return int(world.one(DEPLOYMENTS, "web")["spec"].get("replicas", 0))


async def test_up_at_once_and_down_after_the_window() -> None:
    world, metrics = world_with(2)
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler())
        await world.settle()
        assert replicas(world) == 2
        metrics.cpu = 900
        await world.pass_time(15)
        assert replicas(world) == 4
        event = "New size: 4; reason: cpu resource utilization (percentage of request) above target"
        assert ("Normal", "SuccessfulRescale", event) in world.recorder.events
        follow(world)
        metrics.cpu = 100
        await world.pass_time(295)
        assert replicas(world) == 4
        stabilized = condition(world.one(HPAS, "web"), "AbleToScale")
        assert stabilized["reason"] == "ScaleDownStabilized"
        await world.pass_time(20)
        assert replicas(world) == 1
        last = world.one(HPAS, "web")["status"]
        assert last["desiredReplicas"] == 1
        assert last["currentMetrics"] == [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": 10, "averageValue": "100m"}},
            }
        ]
        assert (
            "Normal",
            "SuccessfulRescale",
            "New size: 1; reason: All metrics below target",
        ) in world.recorder.events


async def test_conditions_tell_what_is_so() -> None:
    world, metrics = world_with(3)
    metrics.cpu = 2000
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler())
        await world.settle()
    found = {
        c["type"]: (c["status"], c["reason"], c["message"])
        for c in world.one(HPAS, "web")["status"]["conditions"]
    }
    assert found == {
        "AbleToScale": (
            "True",
            "SucceededRescale",
            "the HPA controller was able to update the target scale to 6",
        ),
        "ScalingActive": (
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from "
            "cpu resource utilization (percentage of request)",
        ),
        "ScalingLimited": (
            "True",
            "ScaleUpLimit",
            "the desired replica count is increasing faster than the maximum scale rate",
        ),
    }


async def test_a_metric_that_fails_forbids_scaling_down_but_not_up() -> None:
    world, metrics = world_with(4)
    external = {
        "type": "External",
        "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "1"}},
    }
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": utilization(50)}}
    metrics.cpu = 100
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler(external, cpu, behavior={"scaleDown": {"stabilizationWindowSeconds": 0}}))
        await world.pass_time(60)
        assert replicas(world) == 4
        inner = "failed to get q external metric: unable to get external metric d/q/nil: "
        inner += "no metrics returned from external metrics API"
        active = condition(world.one(HPAS, "web"), "ScalingActive")
        assert (active["reason"], active["message"]) == (
            "FailedGetExternalMetric",
            f"the HPA was unable to compute the replica count: {inner}",
        )
        assert ("Warning", "FailedGetExternalMetric", inner) in world.recorder.events
        summary = f"invalid metrics (1 invalid out of 2), first error is: failed to get q external metric value: {inner}"
        assert ("Warning", "FailedComputeMetricsReplicas", summary) in world.recorder.events
        metrics.cpu = 1000
        await world.pass_time(15)
        assert replicas(world) == 8


async def test_no_metrics_server() -> None:
    world, metrics = world_with(1)
    metrics.broken = (
        "unable to fetch metrics from resource metrics API: the server could not find the requested resource"
    )
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler())
        await world.settle()
    text = f"failed to get cpu utilization: unable to get metrics for resource cpu: {metrics.broken}"
    assert ("Warning", "FailedGetResourceMetric", text) in world.recorder.events


async def test_bounds_hold_without_metrics_and_nothing_is_scaled_from_zero() -> None:
    world, metrics = world_with(2)
    metrics.broken = "away"
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler(minReplicas=5))
        await world.settle()
        assert replicas(world) == 5
        world.change(HPAS, "web", lambda a: a["spec"].update(minReplicas=1, maxReplicas=3))
        await world.settle()
        assert replicas(world) == 3
        world.change(DEPLOYMENTS, "web", lambda d: d["spec"].update(replicas=0))
        await world.pass_time(15)
        assert replicas(world) == 0
        assert condition(world.one(HPAS, "web"), "ScalingActive")["reason"] == "ScalingDisabled"
    assert [m for _, r, m in world.recorder.events if r == "SuccessfulRescale"] == [
        "New size: 5; reason: Current number of replicas below Spec.MinReplicas",
        "New size: 3; reason: Current number of replicas above Spec.MaxReplicas",
    ]


async def test_policies_pace_and_other_metrics_scale() -> None:
    world, metrics = world_with(2)
    metrics.queue = 30_000
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "i"}
    target = {"type": "AverageValue", "averageValue": "3"}
    hits = {
        "type": "Object",
        "object": {"metric": {"name": "hits"}, "describedObject": ingress, "target": target},
    }
    one_a_minute = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler(hits, behavior={"scaleUp": one_a_minute}))
        sizes = []
        for _ in range(9):
            await world.pass_time(15)
            follow(world)
            sizes.append(replicas(world))
    assert sizes == [3, 3, 3, 4, 4, 4, 4, 5, 5]
    assert "New size: 3; reason: Ingress metric hits above target" in [m for _, _, m in world.recorder.events]


async def test_who_fights_over_pods_is_told_and_who_is_missing() -> None:
    world, metrics = world_with(2)
    async with world.running(metrics.new):
        world.add(HPAS, autoscaler())
        other = autoscaler()
        other["metadata"]["name"] = "rival"
        world.add(HPAS, other)
        gone = autoscaler(scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"})
        gone["metadata"]["name"] = "gone"
        world.add(HPAS, gone)
        await world.pass_time(20)
    fight = condition(world.one(HPAS, "rival"), "ScalingActive")
    assert fight["reason"] == "AmbiguousSelector"
    assert fight["message"] == "pods by selector app=web are controlled by multiple HPAs: [{rival d} {web d}]"
    lost = condition(world.one(HPAS, "gone"), "AbleToScale")
    assert lost["message"] == (
        'the HPA controller was unable to get the target\'s current scale: deployments.apps "none" not found'
    )
