"""The proxier: applies at changes, coalesces, retries, repairs."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from kubepy.netfilter.fake import FakePacketFilter
from kubepy.proxy.config import ProxyConfig
from kubepy.proxy.proxier import Proxier
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


class FakeLister:
    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []

    def list(self) -> list[dict[str, Any]]:
        return self.objects


class FakeInformer:
    """The part of a SharedInformer that the proxier uses."""

    def __init__(self) -> None:
        self.lister = FakeLister()
        self.handlers: list[Any] = []

    def add_handler(self, on_add: Any, on_update: Any, on_delete: Any) -> None:
        self.handlers.append(on_add)

    def put(self, obj: dict[str, Any]) -> None:
        self.lister.objects = [*self.lister.objects, obj]
        for handler in self.handlers:
            handler(obj)


def service(name: str, address: str) -> dict[str, Any]:
    ports = [{"port": 80, "protocol": "TCP"}]
    return {"metadata": {"namespace": "d", "name": name}, "spec": {"clusterIP": address, "ports": ports}}


def make(clock: FakeClock) -> tuple[FakeInformer, FakePacketFilter, Proxier]:
    services, packet_filter = FakeInformer(), FakePacketFilter()
    config = ProxyConfig(Path("/unused"), "w1", "10.0.0.1")
    slices: Any = FakeInformer()
    typed: Any = services
    return services, packet_filter, Proxier(typed, slices, packet_filter, config, clock)


async def test_many_changes_at_once_are_applied_once() -> None:
    clock = FakeClock()
    services, packet_filter, proxier = make(clock)
    async with anyio.create_task_group() as group:
        group.start_soon(proxier.run)
        for n in range(20):
            services.put(service(f"s{n}", f"10.96.0.{n + 1}"))
        await clock.run_for(1)
        group.cancel_scope.cancel()
    assert len(packet_filter.applied) == 1
    assert len(packet_filter.applied[0]["filter"].chains["KUBE-SERVICES"]) == 20


async def test_a_refused_ruleset_is_tried_again() -> None:
    clock = FakeClock()
    services, packet_filter, proxier = make(clock)
    packet_filter.failures = 2
    async with anyio.create_task_group() as group:
        group.start_soon(proxier.run)
        services.put(service("web", "10.96.0.9"))
        await clock.run_for(10)
        group.cancel_scope.cancel()
    assert len(packet_filter.applied) == 1


async def test_rules_that_somebody_removed_come_back() -> None:
    clock = FakeClock()
    services, packet_filter, proxier = make(clock)
    async with anyio.create_task_group() as group:
        group.start_soon(proxier.run)
        services.put(service("web", "10.96.0.9"))
        await clock.run_for(1)
        packet_filter.intact = False
        await clock.run_for(60)
        group.cancel_scope.cancel()
    assert len(packet_filter.applied) == 2
