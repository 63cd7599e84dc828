"""Logs of simulated pods: those that a test sets, through the API as any client asks for them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kubepy.api.resources import PODS
from kubepy.machinery.errors import StatusError
from kubepy.testing import SyncCluster


def _pod(*containers: str) -> dict[str, Any]:
    spec = {"containers": [{"name": name, "image": "i"} for name in containers]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": spec,
    }


def _logs(cluster: SyncCluster, **options: str) -> str:
    path = "/api/v1/namespaces/default/pods/p/log"
    answer = cluster.client.raw("GET", path, params=options)
    return str(answer.body.decode())


def test_a_pod_says_what_the_test_lets_it_say(kube_cluster: SyncCluster) -> None:
    kube_cluster.client.create(PODS, _pod("c"))
    kube_cluster.pods.log("p", "one\ntwo")
    kube_cluster.advance(minutes=1)
    kube_cluster.pods.log("p", "three\n", container="c")
    assert _logs(kube_cluster) == "one\ntwo\nthree\n"
    assert _logs(kube_cluster, tailLines="2") == "two\nthree\n"
    assert _logs(kube_cluster, tailLines="0") == ""
    assert _logs(kube_cluster, sinceSeconds="30") == "three\n"
    assert _logs(kube_cluster, limitBytes="5") == "one\nt"
    first = _logs(kube_cluster, timestamps="true").splitlines()[0]
    assert first.endswith("Z one")
    assert first[:2] == "20"


def test_containers_have_logs_of_their_own(kube_cluster: SyncCluster) -> None:
    kube_cluster.client.create(PODS, _pod("a", "b"))
    kube_cluster.pods.log("p", "of a", container="a")
    assert _logs(kube_cluster, container="a") == "of a\n"
    with pytest.raises(StatusError, match="a container name must be specified for pod p, choose one of"):
        _logs(kube_cluster)
    with pytest.raises(StatusError, match='container "b" in pod "p" is simulated and has written no log'):
        _logs(kube_cluster, container="b")


def test_the_next_test_finds_no_logs(kube_cluster: SyncCluster) -> None:
    kube_cluster.client.create(PODS, _pod("c"))
    with pytest.raises(StatusError, match="has written no log"):
        _logs(kube_cluster)


def test_who_follows_hears_on_until_the_pod_ends(kube_cluster: SyncCluster) -> None:
    kube_cluster.client.create(PODS, _pod("c"))
    kube_cluster.settle()
    kube_cluster.pods.log("p", "one")
    said: list[str] = []
    follower = threading.Thread(target=lambda: said.append(_logs(kube_cluster, follow="true")))
    follower.start()
    kube_cluster.settle(quiet=0.1)
    kube_cluster.pods.log("p", "two")
    kube_cluster.settle(quiet=0.1)
    kube_cluster.client.delete(PODS, "p", namespace="default")
    follower.join(20)
    assert said == ["one\ntwo\n"]


def test_logs_are_for_who_may_read_them(kube_cluster: SyncCluster) -> None:
    kube_cluster.client.create(PODS, _pod("c"))
    kube_cluster.pods.log("p", "secret")

    async def ask() -> None:
        from kubepy.client import Client

        async with Client(kube_cluster.config_for("jane")) as jane:
            await jane.raw("GET", "/api/v1/namespaces/default/pods/p/log")

    with pytest.raises(StatusError, match="pods/log"):
        kube_cluster.run(ask)
