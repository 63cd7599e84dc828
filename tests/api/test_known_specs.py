"""A pod whose spec was in order lately is not checked again; what else there is about it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kubepy.api import validation
from kubepy.api.validation import pods
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_POD = GVK("", "v1", "Pod")


def pod(name: str = "web", **spec: Any) -> Obj:
    container = {
        "name": "web",
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "containers": [container],
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "terminationGracePeriodSeconds": 30,
            **spec,
        },
    }


def check(obj: Obj) -> tuple[list[str], list[str]]:
    warned: list[str] = []
    causes = validation.validator(_POD).create(copy.deepcopy(obj), warned.append)
    return [cause.field for cause in causes], warned


def test_a_known_spec_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    whole: Callable[[Obj], Any] = pods.validate_pod
    monkeypatch.setattr(
        pods, "validate_pod", lambda pod: (looks.append(pod["metadata"]["name"]), whole(pod))[1]
    )
    for name in ("one", "two", "three"):
        assert check(pod(name, nodeSelector={"for": "known"})) == ([], [])
    assert looks == ["one"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda obj: obj["metadata"].update(name="No Name"),
        lambda obj: obj["metadata"].update(labels={"a": "b c"}),
        lambda obj: obj["metadata"].update(
            annotations={"controller.kubernetes.io/pod-deletion-cost": "much"}
        ),
        lambda obj: obj["metadata"].update(
            annotations={"container.apparmor.security.beta.kubernetes.io/nobody": "runtime/default"}
        ),
        lambda obj: obj["spec"].update(hostname="Not A Name"),
        lambda obj: obj["spec"]["containers"][0].update(image=""),
    ],
)
def test_what_is_wrong_with_a_pod_is_found_beside_known_ones(spoil: Callable[[Obj], None]) -> None:
    obj = pod()
    assert check(obj) == ([], [])
    spoil(obj)
    first, second = check(obj), check(obj)
    assert first == second
    assert first[0]


def test_warnings_of_a_known_spec_come_each_time() -> None:
    obj = pod(nodeSelector={"beta.kubernetes.io/os": "linux"})
    first, second = check(obj), check({**obj, "metadata": {**obj["metadata"], "name": "other"}})
    assert first == second
    assert "deprecated since v1.14" in first[1][0]


def test_a_name_that_is_no_label_is_warned_of_though_the_spec_is_known() -> None:
    assert check(pod("web")) == ([], [])
    assert "a DNS label is recommended" in check(pod("web.example"))[1][0]


def test_claims_of_ephemeral_volumes_are_checked_with_the_pods_name() -> None:
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    volumes = [
        {"name": "data", "ephemeral": {"volumeClaimTemplate": template}},
        {"name": "other", "persistentVolumeClaim": {"claimName": "web-data"}},
    ]
    assert check(pod("unrelated", volumes=volumes)) == ([], [])
    assert check(pod("web", volumes=volumes))[0] == ["spec.volumes[1].persistentVolumeClaim.claimName"]
