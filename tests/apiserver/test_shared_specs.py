"""A pod whose spec came before is made as the first one was, and as if every pod were looked at anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from kubepy.api.shared_specs import SharedSpec
from kubepy.apiserver.admission.service_account import ServiceAccount

from .conftest import PODS, Client, Cluster, make_default_account, pod

pytestmark = pytest.mark.anyio
CORE = "/api/v1/namespaces/default"

# What a spec or a container may have: right, wrong, doubtful (a warning), unknown, null.
_SPEC: list[dict[str, Any]] = [
    {"nodeName": None},
    {"nodeName": "node-1"},
    {"hostNetwork": True},
    {"priorityClassName": "nosuch"},
    {"priorityClassName": "system-node-critical"},
    {"automountServiceAccountToken": False},
    {"nodeSelector": {"beta.kubernetes.io/os": "linux"}},
    {"hostname": "Not A Name"},
    {"nonsense": {"a": 1}},
    {"containers": "none"},
    {"terminationGracePeriodSeconds": "soon"},
    {"schedulingGates": [{"name": "wait"}]},
    {"volumes": [{"name": "data"}, {"name": "old", "gitRepo": {"repository": "x"}}]},
    {"tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]},
    {"resources": {"limits": {"cpu": 2}}},
    {"overhead": {"cpu": "1"}},
    {
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app": "web"}},
                        "matchLabelKeys": ["pod-template-hash"],
                    }
                ]
            }
        }
    },
]
_CONTAINER: list[dict[str, Any]] = [
    {
        "resources": {
            "requests": {"cpu": 0.1, "memory": "64Mi"},
            "limits": {"cpu": "100m", "memory": "0.0625Gi"},
        }
    },
    {"resources": {"limits": {"memory": "100m"}}},
    {"resources": {"limits": {"memory": "much"}}},
    {"image": "busybox:1.36"},
    {"image": ""},
    {"ports": [{"containerPort": 80}, {"containerPort": 80}]},
    {
        "env": [
            {"name": "A", "value": "1"},
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        ]
    },
    {"readinessProbe": {"httpGet": {"port": 80}, "timeoutSeconds": 0}},
    {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
    {"unheard": True},
]
_METADATA: list[dict[str, Any]] = [
    {"labels": {"app": "web", "pod-template-hash": "1"}},
    {"labels": {"app": "web", "pod-template-hash": "2"}},
    {"labels": {"app": "not so"}},
    {"labels": ["app"]},
    {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "much"}},
    {"annotations": {"kubernetes.io/config.mirror": "x"}},
    {"unknown": "field"},
    {"finalizers": None},
]


def made_up(rng: random.Random) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "image": "busybox"}
    for piece in rng.sample(_CONTAINER, rng.choice((0, 1, 1, 2, 3))):
        container |= piece
    spec: dict[str, Any] = {"containers": [container]}
    for piece in rng.sample(_SPEC, rng.choice((0, 1, 1, 2, 3))):
        spec |= piece
    return spec


@contextmanager
def looked_at_anew(cluster: Cluster) -> Iterator[None]:
    """Every pod takes the long road."""
    found = cluster.server.served.find("", "v1", "pods")
    assert found is not None
    specs, found.store.shared_specs = found.store.shared_specs, None
    yield
    found.store.shared_specs = specs


def remembered(cluster: Cluster) -> list[SharedSpec]:
    """Every shared spec, as decoding and as admission left it."""
    found = cluster.server.served.find("", "v1", "pods")
    assert found is not None
    assert found.store.shared_specs is not None
    memos: list[Any] = [found.store.shared_specs._known, found.store._admission._admitted]
    specs = [spec for memo in memos for spec in (*memo._young.values(), *memo._old.values())]
    assert len(specs) > 10
    return specs


async def outcome(admin: Client, spec: Any, metadata: dict[str, Any], query: str = "") -> Any:
    """What the client sees of a dry create, without what is the pod's own."""
    sent = {"metadata": {"name": "p", **metadata}, "spec": spec}
    answer = await admin.post(f"{PODS}?dryRun=All{query}", sent)
    shown = answer.json
    if answer.status == 201:
        del shown["metadata"]["uid"], shown["metadata"]["creationTimestamp"]
        for entry in shown["metadata"].get("managedFields", ()):
            del entry["time"]
    return (
        answer.status,
        answer.headers.getall("Warning", []),
        list(shown.get("spec", ())),
        shown,
    )


@pytest.mark.parametrize("seed", range(4))
async def test_a_known_spec_gives_what_an_unknown_one_does(
    cluster: Cluster, admin: Client, seed: int
) -> None:
    await make_default_account(admin)
    rng = random.Random(seed)
    specs = [made_up(rng) for _ in range(40)]
    tried = 0
    for spec in [*specs, *specs]:
        metadata: dict[str, Any] = {}
        for piece in rng.sample(_METADATA, rng.choice((0, 0, 1, 2))):
            metadata |= piece
        query = rng.choice(("", "", "&fieldValidation=Strict", "&fieldValidation=Ignore"))
        with looked_at_anew(cluster):
            expected = await outcome(admin, spec, metadata, query)
        for _ in range(2):
            assert await outcome(admin, spec, metadata, query) == expected
        tried += expected[0] == 201
    assert tried > 10
    assert all(shared.json == orjson.dumps(shared.spec) for shared in remembered(cluster))


async def test_a_known_spec_is_admitted_once(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_default_account(admin)
    asked: list[str] = []
    mutate = ServiceAccount.mutate

    async def counted(plugin: ServiceAccount, attributes: Any) -> None:
        asked.append(attributes.name)
        await mutate(plugin, attributes)

    monkeypatch.setattr(ServiceAccount, "mutate", counted)
    specs = [(await admin.post(PODS, pod(f"p{n}", hostname="h"))).json["spec"] for n in range(4)]
    assert asked == ["p0"]
    assert all(spec == specs[0] for spec in specs)
    assert specs[0]["serviceAccountName"] == "default"


async def test_a_runtime_class_may_change_between_alike_pods(cluster: Cluster, admin: Client) -> None:
    await make_default_account(admin)
    classes = "/apis/node.k8s.io/v1/runtimeclasses"
    spec = {"containers": [{"name": "c", "image": "busybox"}], "runtimeClassName": "slow"}
    seen = []
    for cpu in ("", "1", "2"):
        if cpu:
            await admin.request("DELETE", f"{classes}/slow")
            made = {"metadata": {"name": "slow"}, "handler": "slow", "overhead": {"podFixed": {"cpu": cpu}}}
            assert (await admin.post(classes, made)).status == 201
        with looked_at_anew(cluster):
            seen.append(await outcome(admin, spec, {}))
        assert [await outcome(admin, spec, {}) for _ in range(2)] == [seen[-1]] * 2
    assert [answer[0] for answer in seen] == [403, 201, 201]
    assert [answer[3]["spec"]["overhead"]["cpu"] for answer in seen[1:]] == ["1", "2"]


async def test_what_admission_goes_by_may_change_between_alike_pods(cluster: Cluster, admin: Client) -> None:
    await make_default_account(admin)
    policy = {
        "metadata": {"name": "hosts"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                        "operations": ["CREATE"],
                    }
                ]
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {
                        "expression": '[JSONPatch{op: "add", path: "/spec/hostname", value: object.metadata.name}]'
                    },
                }
            ],
        },
    }
    registration = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"
    limits = {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}}
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", f"{CORE}/serviceaccounts/default", {"imagePullSecrets": [{"name": "registry"}]}),
        ("POST", classes, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True}),
        ("DELETE", f"{classes}/usual", None),
        ("POST", f"{CORE}/limitranges", limits),
        ("DELETE", f"{CORE}/limitranges/l", None),
        ("POST", f"{registration}ies", policy),
        (
            "POST",
            f"{registration}ybindings",
            {"metadata": {"name": "hosts"}, "spec": {"policyName": "hosts"}},
        ),
        ("DELETE", f"{registration}ybindings/hosts", None),
        ("PATCH", f"{CORE}/serviceaccounts/default", {"automountServiceAccountToken": False}),
        ("DELETE", f"{CORE}/serviceaccounts/default", None),
    ]
    spec = {"containers": [{"name": "c", "image": "busybox"}]}
    seen: list[Any] = [await outcome(admin, spec, {}) for _ in range(2)][1:]
    for method, path, body in changes:
        if method == "PATCH":
            done = await admin.patch(path, body)
        else:
            done = await admin.request(method, path, body)
        assert done.status in (200, 201), done.body
        with looked_at_anew(cluster):
            expected = await outcome(admin, spec, {})
        assert await outcome(admin, spec, {}) == expected
        assert await outcome(admin, spec, {}) == expected
        assert expected != seen[-1] or path.endswith("policies")
        seen.append(expected)
    assert seen[-1][0] == 403
