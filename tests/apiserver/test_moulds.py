"""A pod that differs from others in its name is cast from a mould, and comes out as if it were looked at anew."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.apiserver import requests
from kubepy.apiserver.admission.service_account import ServiceAccount
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.registry.moulds import Moulds
from kubepy.apiserver.registry.pattern import Pattern, is_plain
from kubepy.apiserver.requests import NO_QUERY, Context

from .conftest import PODS, Client, Cluster, make_default_account, pod

pytestmark = pytest.mark.anyio
CORE = "/api/v1/namespaces/default"
_numbers = itertools.count()

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
    """Every pod takes the long way."""
    found = cluster.server.served.find("", "v1", "pods")
    assert found is not None
    moulds, found.store.moulds = found.store.moulds, None
    yield
    found.store.moulds = moulds


@pytest.fixture
def casts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all that is cast."""
    made: list[str] = []
    cast = Moulds.cast

    def noted(moulds: Moulds, context: Any, body: bytes) -> Any:
        new = cast(moulds, context, body)
        if new is not None:
            made.append(new.name)
        return new

    monkeypatch.setattr(Moulds, "cast", noted)
    return made


async def send(admin: Client, body: bytes, query: str = "", **headers: str) -> Any:
    """What the client sees of a dry create, without what nobody can foresee."""
    answer = await admin.post(f"{PODS}?dryRun=All{query}", body, **headers)
    shown = answer.json
    if answer.status == 201:
        del shown["metadata"]["uid"], shown["metadata"]["creationTimestamp"]
        for entry in shown["metadata"].get("managedFields", ()):
            del entry["time"]
        made_up = shown["metadata"].get("generateName")
        if made_up and len(shown["metadata"]["name"]) == len(made_up) + 5:
            assert shown["metadata"].pop("name").startswith(made_up)
    return answer.status, answer.headers.getall("Warning", []), orjson.dumps(shown)


async def both_ways(cluster: Cluster, admin: Client, body: bytes, query: str = "", **headers: str) -> Any:
    """The same answer comes of either; gives it."""
    with looked_at_anew(cluster):
        expected = await send(admin, body, query, **headers)
    assert await send(admin, body, query, **headers) == expected
    return expected


async def alike(
    cluster: Cluster, admin: Client, spec: Any, metadata: dict[str, Any], query: str = ""
) -> list[Any]:
    """What comes of pods that differ in name and an annotation, each made both ways."""
    answers = []
    for _ in range(4):
        own = {"name": f"p-{next(_numbers)}"} if "generateName" not in metadata else {}
        annotations = metadata.get("annotations") or {}
        if isinstance(annotations, dict):
            own["annotations"] = {**annotations, "example.com/serial": f"number {next(_numbers)}"}
        sent = {"metadata": {**metadata, **own}, "spec": spec}
        answers.append(await both_ways(cluster, admin, orjson.dumps(sent), query))
    return answers


@pytest.mark.parametrize("seed", range(4))
async def test_a_mould_gives_what_the_long_way_does(
    cluster: Cluster, admin: Client, seed: int, casts: list[str]
) -> None:
    await make_default_account(admin)
    rng = random.Random(seed)
    made = 0
    for _ in range(60):
        metadata: dict[str, Any] = {}
        for piece in rng.sample(_METADATA, rng.choice((0, 0, 1, 2))):
            metadata |= piece
        query = rng.choice(("", "", "&fieldValidation=Strict", "&fieldValidation=Ignore"))
        answers = await alike(cluster, admin, made_up(rng), metadata, query)
        made += answers[0][0] == 201
    assert made > 10
    assert (
        len(casts) > 0.6 * made
    )  # the first of four is seen, one is tried, one proves it; some never come out alike


async def test_pods_of_a_mould_are_not_shown_to_plugins_again(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_default_account(admin)
    asked: list[str] = []
    mutate = ServiceAccount.mutate

    async def counted(plugin: ServiceAccount, attributes: Any) -> None:
        asked.append(attributes.name)
        await mutate(plugin, attributes)

    monkeypatch.setattr(ServiceAccount, "mutate", counted)
    made = [(await admin.post(PODS, pod(f"p{n}", hostname="h"))).json for n in range(6)]
    assert asked == ["p0", "p1", "p2"]  # seen, tried, proved
    assert [obj["metadata"]["name"] for obj in made] == [f"p{n}" for n in range(6)]
    assert all(obj["spec"] == made[0]["spec"] for obj in made)
    assert made[5]["spec"]["serviceAccountName"] == "default"
    assert len({obj["metadata"]["uid"] for obj in made}) == 6
    stored = [(await admin.get(f"{PODS}/p{n}")).json for n in range(6)]
    assert stored == made
    again = await admin.post(PODS, pod("p5", hostname="h"))
    assert (again.status, again.message) == (409, 'pods "p5" already exists')


async def test_names_are_made_up_for_pods_of_a_mould(admin: Client, casts: list[str]) -> None:
    await make_default_account(admin)
    sent = pod("")
    del sent["metadata"]["name"]
    sent["metadata"]["generateName"] = "web-"
    made = [(await admin.post(PODS, sent)).json["metadata"]["name"] for _ in range(8)]
    assert casts == made[3:]
    assert len(set(made)) == 8
    assert all(name.startswith("web-") and len(name) == 9 for name in made)


_BODY = orjson.dumps(
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "NAME", "annotations": {"example.com/a": "VALUE"}},
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    }
)
_CONTAINERS = _BODY[_BODY.index(b'"containers"') : -1]


def named(name: str, body: bytes = _BODY, value: str = "some text") -> bytes:
    """The body with a name and a value, which are as JSON has them."""
    return body.replace(b"NAME", name.encode()).replace(b"VALUE", value.encode(errors="surrogateescape"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.b", "x"),  # a warning: no label
        ("n" * 64, "x"),
        ("n" * 254, "x"),
        ("Not-A-Name", "x"),
        ("-", "x"),
        ("", "x"),
        ("\\u0061", "x"),
        ('a","generateName":"b', "x"),
        ('a","labels":{"a":"!"},"uid":"1', "x"),
        ("a", '\\"quoted\\"'),
        ("a", "\\u0000"),
        ("a", "\\u0061"),
        ("a", "\\ud800"),
        ("a", "two\nlines"),
        ("a", "\udcff"),  # a byte that is no UTF-8
        ("a", "ümlaut"),
        ("a", 'x","example.com/b":"y'),
        ("a", 'x","kubernetes.io/config.mirror":"y'),
        ("a", 'x","not a key":"y'),
        ("a", "a"),
        ("a", "%s %(a)s \\\\1 {0}"),
        ("a", "v" * 3000),
        ("a", ""),
        ("some", "c"),
        ("c", "c"),
        ("c", "busybox"),
        ("containers", "name"),
        ("v1", "Pod"),
    ],
)
async def test_what_is_odd_about_one_of_many_alike_is_seen(
    cluster: Cluster, admin: Client, casts: list[str], name: str, value: str
) -> None:
    await make_default_account(admin)
    for usual in ("one", "two", "three", "four"):
        assert (await both_ways(cluster, admin, named(usual)))[0] == 201
    assert casts == ["four"]
    await both_ways(cluster, admin, named(name, value=value))


@pytest.mark.parametrize(
    "body",
    [
        # the name is another one than it seems
        b'{"metadata":{"name":"\\u0078","annotations":{"example.com/a":"NAME"}},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME"},"metadata":{"name":"x"},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"x","name":"NAME"},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME","NAME":1},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME","labels":{"pod":"NAME"}},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME","annotations":{"NAME":"1"}},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME","annotations":{"example.com/a":"VALUE","example.com/b":"VALUE"}},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME","annotations":{"":"VALUE"}},"spec":{CONTAINERS}',
        b'{"metadata":{"name":"NAME","annotations":{"controller.kubernetes.io/pod-deletion-cost":"VALUE"}},"spec":{CONTAINERS}',
        b'{"spec":{"hostname":"NAME",CONTAINERS,"metadata":{"name":"NAME"}}',
        b'{"spec":{CONTAINERS,"metadata":{"annotations":{"example.com/a":"VALUE"},"name":"NAME"}}',
        b' {  "metadata" : { "name" : "NAME" } , "spec" : {CONTAINERS }\n',
        b'metadata: {name: x} # "NAME"\nspec: {CONTAINERS',
        b'metadata: {name: "NAME"}\nspec: {CONTAINERS',
    ],
)
async def test_the_name_is_found_where_it_is(
    cluster: Cluster, admin: Client, casts: list[str], body: bytes
) -> None:
    await make_default_account(admin)
    text = body.replace(b"CONTAINERS", _CONTAINERS)
    kind = "application/json" if text.strip().startswith(b"{") else "application/yaml"
    for name in ("one", "one", "two", "x", "x", "x", "x", "y", "three", "four"):
        for value in ("17", name):
            await both_ways(cluster, admin, named(name, text, value), Content_Type=kind)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
)
@given(data=st.data())
def test_any_metadata_comes_out_as_it_would_the_long_way(data: st.DataObject) -> None:
    """What is between the pieces is found again, whatever it is; other bodies are not taken for it."""
    text = st.text(st.sampled_from('ab"\\ {},:ü%\n'), max_size=4)
    keys = st.sampled_from(["", "a", "b", "example.com/a", "kubernetes.io/a"])
    metadata = st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "ab", "name", "c"])},
        optional={
            "annotations": st.dictionaries(keys, text, max_size=3),
            "labels": st.dictionaries(keys, text),
        },
    )
    spec = {"containers": [{"name": "c"}]}
    first, second = ({"metadata": data.draw(metadata), "spec": spec} for _ in range(2))
    context: Any = Context(requests.parse("POST", PODS, NO_QUERY), NO_QUERY, User("u"), {}, [])
    pattern = Pattern.of(context, orjson.dumps(first), first["metadata"])
    if pattern is None or not pattern.is_sound(orjson.dumps(first)):
        return
    found = pattern.read(context, orjson.dumps(second))
    if found is None or not all(map(is_plain, found)):
        return
    put = orjson.loads(orjson.dumps(first))
    for key, value in zip(pattern.own, found, strict=True):
        if key:
            put["metadata"]["annotations"][key] = value.decode()
        else:
            put["metadata"]["name"] = value.decode()
    assert put == second


async def test_a_runtime_class_may_change_between_alike_pods(
    cluster: Cluster, admin: Client, casts: list[str]
) -> None:
    await make_default_account(admin)
    classes = "/apis/node.k8s.io/v1/runtimeclasses"
    spec = {"containers": [{"name": "c", "image": "busybox"}], "runtimeClassName": "slow"}
    seen = []
    for cpu in ("", "1", "2"):
        if cpu:
            await admin.request("DELETE", f"{classes}/slow")
            made = {"metadata": {"name": "slow"}, "handler": "slow", "overhead": {"podFixed": {"cpu": cpu}}}
            assert (await admin.post(classes, made)).status == 201
        seen.append((await alike(cluster, admin, spec, {}))[-1])
    assert [status for status, _, _ in seen] == [403, 201, 201]
    assert [orjson.loads(shown)["spec"]["overhead"]["cpu"] for _, _, shown in seen[1:]] == ["1", "2"]
    assert len(casts) >= 3


async def test_what_admission_goes_by_may_change_between_alike_pods(
    cluster: Cluster, admin: Client, casts: list[str]
) -> None:
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
    binding = {"metadata": {"name": "hosts"}, "spec": {"policyName": "hosts"}}
    pod_security = "pod-security.kubernetes.io"
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", f"{CORE}/serviceaccounts/default", {"imagePullSecrets": [{"name": "registry"}]}),
        ("POST", classes, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True}),
        ("DELETE", f"{classes}/usual", None),
        ("POST", f"{CORE}/limitranges", limits),
        (
            "PATCH",
            f"{CORE}/limitranges/l",
            {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}},
        ),
        ("DELETE", f"{CORE}/limitranges/l", None),
        ("POST", f"{registration}ies", policy),
        ("POST", f"{registration}ybindings", binding),
        ("DELETE", f"{registration}ybindings/hosts", None),
        ("DELETE", f"{registration}ies/hosts", None),
        ("PATCH", CORE, {"metadata": {"labels": {f"{pod_security}/warn": "restricted"}}}),
        ("PATCH", CORE, {"metadata": {"labels": {f"{pod_security}/enforce": "restricted"}}}),
        ("PATCH", CORE, {"metadata": {"labels": None}}),
        ("PATCH", f"{CORE}/serviceaccounts/default", {"automountServiceAccountToken": False}),
        ("DELETE", f"{CORE}/serviceaccounts/default", None),
    ]
    spec = {"containers": [{"name": "c", "image": "busybox"}]}
    same = orjson.dumps({"metadata": {"name": "same"}, "spec": spec})
    await alike(cluster, admin, spec, {})
    seen = [await send(admin, same)]
    for method, path, body in changes:
        if method == "PATCH":
            done = await admin.patch(path, body)
        else:
            done = await admin.request(method, path, body)
        assert done.status in (200, 201), done.body
        await alike(cluster, admin, spec, {})
        await alike(cluster, admin, spec, {})  # none of them is one of the first
        seen.append(await both_ways(cluster, admin, same))
        assert seen[-1] != seen[-2] or "policies" in path
    assert [status for status, _, _ in seen[-4:]] == [403, 201, 201, 403]
    assert len(casts) > 30


async def test_claims_of_ephemeral_volumes_are_checked_with_each_pods_name(
    cluster: Cluster, admin: Client, casts: list[str]
) -> None:
    await make_default_account(admin)
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    volumes = [
        {"name": "data", "ephemeral": {"volumeClaimTemplate": template}},
        {"name": "other", "persistentVolumeClaim": {"claimName": "web-data"}},
    ]
    for name in ("one", "two", "three", "four"):
        body = orjson.dumps(pod(name, volumes=volumes))
        assert (await both_ways(cluster, admin, body))[0] == 201
    assert (await both_ways(cluster, admin, orjson.dumps(pod("web", volumes=volumes))))[0] == 422
    assert casts == []


async def test_a_quota_counts_pods_of_a_mould(admin: Client, casts: list[str]) -> None:
    await make_default_account(admin)
    for number in range(6):
        assert (await admin.post(PODS, pod(f"p{number}"))).status == 201
    assert len(casts) == 3
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "8"}}}
    assert (await admin.post(f"{CORE}/resourcequotas", quota)).status == 201
    made = [(await admin.post(PODS, pod(f"q{number}"))).status for number in range(10)]
    assert made == [201] * made.count(201) + [403] * made.count(403)
    assert made.count(403) > 0
    assert len(casts) == 3


async def test_who_may_not_write_is_refused_and_fields_are_the_writers(
    cluster: Cluster, admin: Client, casts: list[str]
) -> None:
    await make_default_account(admin)
    for agent in ("one/1", "two/2"):
        shown = [(await both_ways(cluster, admin, named(f"p{n}"), User_Agent=agent))[2] for n in range(4)]
        managers = {orjson.loads(text)["metadata"]["managedFields"][0]["manager"] for text in shown}
        assert managers == {agent.partition("/")[0]}
    assert len(casts) == 2
    for n in range(4):
        text = (await both_ways(cluster, admin, named(f"p{n}"), "&fieldManager=three"))[2]
        assert orjson.loads(text)["metadata"]["managedFields"][0]["manager"] == "three"
    assert (await cluster.client("nobody").post(PODS, named("p9"))).status == 403
