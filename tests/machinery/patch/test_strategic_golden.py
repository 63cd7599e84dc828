"""Strategic merge patch: the documentation's directives, and the patches that stock kubectl apply sends."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api import schemas
from kubepy.machinery.gvk import GVK
from kubepy.machinery.patch import PatchError, strategic

DEPLOYMENT = schemas.schema(GVK("apps", "v1", "Deployment"))
POD = schemas.schema(GVK("", "v1", "Pod"))
SERVICE = schemas.schema(GVK("", "v1", "Service"))
CONFIG_MAP = schemas.schema(GVK("", "v1", "ConfigMap"))
Obj = dict[str, Any]


def named(*names: str) -> list[Obj]:
    return [{"name": name} for name in names]


def pod(**spec: Any) -> Obj:
    return {"spec": spec}


def template(*containers: Obj, **spec: Any) -> Obj:
    return {"spec": {"template": {"spec": {"containers": list(containers), **spec}}}}


ABC = pod(containers=[{"name": name, "image": "1"} for name in "abc"])


@pytest.mark.parametrize(
    ("live", "patch", "result"),
    [
        # Maps merge, null removes.
        ({"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {"a": None, "b": "2"}}},
         {"metadata": {"labels": {"b": "2"}}}),
        # $patch: replace of a map, delete of a map.
        (pod(securityContext={"runAsUser": 1, "fsGroup": 2}), pod(securityContext={"$patch": "replace", "runAsUser": 3}),
         pod(securityContext={"runAsUser": 3})),
        (pod(securityContext={"runAsUser": 1}), pod(securityContext={"$patch": "delete"}), pod(securityContext={})),
        # Lists with a merge key: merged, deleted from, replaced.
        (ABC, pod(containers=[{"name": "b", "image": "2"}, {"name": "d"}]),
         pod(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "d"}, {"name": "c", "image": "1"}])),
        (ABC, pod(containers=[{"name": "b", "$patch": "delete"}]),
         pod(containers=[{"name": "a", "image": "1"}, {"name": "c", "image": "1"}])),
        (ABC, pod(containers=[{"name": "x"}, {"$patch": "replace"}]), pod(containers=named("x"))),
        # Lists without one are replaced.
        (pod(tolerations=[{"key": "a"}]), pod(tolerations=[{"key": "b"}]), pod(tolerations=[{"key": "b"}])),
        # $retainKeys.
        ({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
         {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
         {"spec": {"strategy": {"type": "Recreate"}}}),
        (pod(volumes=[{"name": "v", "emptyDir": {}}]),
         pod(volumes=[{"name": "v", "configMap": {"name": "x"}, "$retainKeys": ["name", "configMap"]}]),
         pod(volumes=[{"name": "v", "configMap": {"name": "x"}}])),
        # $deleteFromPrimitiveList, with additions beside it.
        ({"metadata": {"finalizers": ["a", "b", "c"]}}, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b", "c"]}},
         {"metadata": {"finalizers": ["a"]}}),
        ({"metadata": {"finalizers": ["a", "b"]}},
         {"metadata": {"finalizers": ["d"], "$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["d", "b"]}},
         {"metadata": {"finalizers": ["d", "b"]}}),
        # $setElementOrder: what it lists has its order, others stay where they were before what followed them.
        (pod(containers=named("a", "b", "c")), pod(**{"$setElementOrder/containers": named("c", "a", "b")}),
         pod(containers=named("c", "a", "b"))),
        (pod(containers=named("a", "own", "b")), pod(**{"$setElementOrder/containers": named("a", "b")}),
         pod(containers=named("a", "own", "b"))),
        (pod(containers=named("own", "a")), pod(containers=named("n"), **{"$setElementOrder/containers": named("n", "a")}),
         pod(containers=named("n", "own", "a"))),
        ({"metadata": {"finalizers": ["x", "a", "b"]}}, {"metadata": {"$setElementOrder/finalizers": ["b", "a"]}},
         {"metadata": {"finalizers": ["x", "b", "a"]}}),
    ],
)  # fmt: skip
def test_directives(live: Obj, patch: Obj, result: Obj) -> None:
    assert strategic.apply(live, patch, DEPLOYMENT if "strategy" in live.get("spec", {}) else POD) == result


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (pod(containers=[{"image": "x"}]), "map: map[image:x] does not contain declared merge key: name"),
        (pod(containers=[{"name": "a", "$patch": "odd"}]), "unknown patch type: odd in map: map[$patch:odd name:a]"),
        (pod(securityContext={"$patch": "odd"}), "unknown patch type: odd in map: map[]"),
        (pod(volumes=[{"name": "v", "emptyDir": {}, "$retainKeys": ["name"]}]), "invalid patch format of retainKeys"),
        (pod(volumes=[{"name": "v", "$retainKeys": "name"}]), "invalid patch format of retainKeys"),
        (pod(**{"$setElementOrder/containers": "a"}), "invalid patch format of setElementOrder list"),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}}, "invalid patch format of primitive list"),
        (
            pod(containers=named("b", "a"), **{"$setElementOrder/containers": named("a", "b")}),
            "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n"
            "[map[name:a] map[name:b]]\n",
        ),
    ],
)  # fmt: skip
def test_malformed_patches(patch: Obj, message: str) -> None:
    live = pod(containers=named("a", "b"), volumes=[{"name": "v"}], securityContext={})
    with pytest.raises(PatchError) as caught:
        strategic.apply(live, patch, POD)
    assert str(caught.value) == message


WEB, SIDE = {"name": "web", "image": "nginx:1"}, {"name": "side", "image": "envoy:1"}
ORDER = {"$setElementOrder/containers": named("web")}
ROLLING: Obj = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}


def changed(**fields: Any) -> Obj:
    return {"spec": {"template": {"spec": {**ORDER, "containers": [{"name": "web", **fields}]}}}}


@pytest.mark.parametrize(
    ("original", "live", "modified", "patch"),
    [
        (template(WEB), {}, template({**WEB, "image": "nginx:2"}), changed(image="nginx:2")),
        (template(WEB, SIDE), {}, template(WEB),
         {"spec": {"template": {"spec": {**ORDER, "containers": [{"$patch": "delete", "name": "side"}]}}}}),
        (template(WEB, SIDE), {}, template(SIDE, WEB),
         {"spec": {"template": {"spec": {"$setElementOrder/containers": named("side", "web")}}}}),
        (template(WEB), {}, template(SIDE, WEB),
         {"spec": {"template": {"spec": {"$setElementOrder/containers": named("side", "web"), "containers": [SIDE]}}}}),
        # The live object has a container that nobody applied: its order is told, it stays.
        (template(WEB), template(WEB, {"name": "injected"}), template(WEB), {"spec": {"template": {"spec": ORDER}}}),
        (template({**WEB, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}), {},
         template({**WEB, "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}),
         changed(**{"$setElementOrder/env": named("B", "C"),
                    "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}, {"$patch": "delete", "name": "A"}]})),
        (template({**WEB, "env": [{"name": "A", "value": "1"}]}), {}, template({**WEB, "env": []}),
         changed(env=[{"$patch": "delete", "name": "A"}])),
        (template({**WEB, "command": ["a", "b"]}), {}, template({**WEB, "command": ["b"]}), changed(command=["b"])),
        (template({**WEB, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}), {},
         template({**WEB, "resources": {"limits": {"cpu": "2000m"}}}),
         changed(resources={"limits": {"cpu": "2000m", "memory": None}})),
        ({"spec": {"strategy": ROLLING}}, {}, {"spec": {"strategy": {"type": "Recreate"}}},
         {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": None, "type": "Recreate"}}}),
        ({"spec": {"strategy": {"type": "Recreate"}}}, {}, {"spec": {"strategy": ROLLING}},
         {"spec": {"strategy": {"$retainKeys": ["rollingUpdate", "type"], **ROLLING}}}),
        ({"spec": {"strategy": ROLLING}}, {}, {"spec": {}}, {"spec": {"strategy": None}}),
        # The server defaulted rollingUpdate; the manifest does not say.
        ({"spec": {"strategy": {"type": "RollingUpdate"}}}, {"spec": {"strategy": ROLLING}},
         {"spec": {"strategy": {"type": "RollingUpdate"}}}, {"spec": {"strategy": {"$retainKeys": ["type"]}}}),
        ({"spec": {"replicas": 3}}, {}, {"spec": {}}, {"spec": {"replicas": None}}),
        ({"spec": {"replicas": 3}}, {"spec": {"replicas": 7}}, {"spec": {"replicas": 3}}, {"spec": {"replicas": 3}}),
        ({"metadata": {"labels": {"a": "1", "b": "2"}}}, {"metadata": {"labels": {"a": "1", "b": "2", "c": "3"}}},
         {"metadata": {"labels": {"a": "9"}}}, {"metadata": {"labels": {"a": "9", "b": None}}}),
        ({"metadata": {"finalizers": ["a/x", "b/x"]}}, {"metadata": {"finalizers": ["a/x", "b/x", "c/x"]}},
         {"metadata": {"finalizers": ["b/x", "d/x"]}},
         {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"], "$setElementOrder/finalizers": ["b/x", "d/x"],
                       "finalizers": ["d/x"]}}),
        ({"metadata": {"finalizers": ["a/x"]}}, {}, {"metadata": {}}, {"metadata": {"finalizers": None}}),
        ({"metadata": {"finalizers": ["b/x", "a/x"]}}, {}, {"metadata": {"finalizers": ["b/x", "a/x"]}},
         {"metadata": {"$setElementOrder/finalizers": ["b/x", "a/x"]}}),
        (template(WEB, volumes=[{"name": "v", "emptyDir": {}}]), {}, template(WEB, volumes=[{"name": "v", "configMap": {"name": "x"}}]),
         {"spec": {"template": {"spec": {
             "$setElementOrder/volumes": named("v"),
             "volumes": [{"$retainKeys": ["configMap", "name"], "configMap": {"name": "x"}, "emptyDir": None, "name": "v"}]}}}}),
        (template(WEB, tolerations=[{"key": "a"}]), {}, template(WEB, tolerations=[{"key": "b"}]),
         {"spec": {"template": {"spec": {"tolerations": [{"key": "b"}]}}}}),
        (template(WEB, imagePullSecrets=named("a", "b")), {}, template(WEB, imagePullSecrets=named("b", "c")),
         {"spec": {"template": {"spec": {"$setElementOrder/imagePullSecrets": named("b", "c"),
                                         "imagePullSecrets": [{"name": "c"}, {"$patch": "delete", "name": "a"}]}}}}),
        (template(WEB), {}, template(WEB), {}),
    ],
)  # fmt: skip
def test_three_way_patches_are_those_of_kubectl(original: Obj, live: Obj, modified: Obj, patch: Obj) -> None:
    current = live or original
    assert strategic.create_three_way(original, modified, current, DEPLOYMENT) == patch


def test_three_way_patches_of_services_and_config_maps() -> None:
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    wanted = {"spec": {"ports": [{"port": 81, "name": "b", "targetPort": 8081}]}}
    assert strategic.create_three_way(
        {"spec": {"ports": ports}}, wanted, {"spec": {"ports": ports}}, SERVICE
    ) == {
        "spec": {
            "$setElementOrder/ports": [{"port": 81}],
            "ports": [{"port": 81, "targetPort": 8081}, {"$patch": "delete", "port": 80}],
        }
    }
    original = {"data": {"a": "1", "b": "2"}}
    live = {"data": {"a": "1", "b": "2", "z": "1"}}
    assert strategic.create_three_way(original, {}, live, CONFIG_MAP) == {"data": None}
    assert strategic.create_three_way(original, {"data": {"b": "3"}}, live, CONFIG_MAP) == {
        "data": {"a": None, "b": "3"}
    }
