"""What no client should do: the server answers with a Status, or closes, and goes on."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from typing import Any

import anyio
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepy.apiserver import connection

from .conftest import CONFIG_MAPS, PODS, Client, Cluster, Keys, config_map, make_default_account, pod, running

pytestmark = pytest.mark.anyio


async def test_bodies_that_are_no_objects(admin: Client) -> None:
    for body in (
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"\xff\xfe",
        b'{"metadata":[]}',
        b'{"metadata":{"name":1}}',
    ):
        answer = await admin.post(CONFIG_MAPS, body)
        assert answer.status in (400, 422), (body, answer.body)
        assert answer.json["kind"] == "Status"
    assert (await admin.post(CONFIG_MAPS, b"x", Content_Type="text/plain")).status == 415


async def test_names_of_unknown_fields_do_not_break_the_warning_header(admin: Client) -> None:
    body = {"metadata": {"name": "a"}, 'x\r\nSet-Cookie: y\x00\x1f\u0085\ud55c"\\': 1}
    answer = await admin.post(CONFIG_MAPS, body)
    assert answer.status == 201
    assert answer.headers["Warning"].startswith('299 - "unknown field')
    assert "Set-Cookie" not in answer.headers


async def test_a_body_may_not_be_larger_than_3_mebibytes(admin: Client) -> None:
    answer = await admin.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "x" * (3 << 20)}})
    assert (answer.status, answer.json["reason"]) == (413, "RequestEntityTooLarge")
    small = gzip.compress(b"0" * (64 << 20))
    answer = await admin.post(CONFIG_MAPS, small, Content_Encoding="gzip")
    assert answer.status in (400, 413)


async def test_deep_nesting_is_refused_or_kept(admin: Client) -> None:
    for depth in (100, 900, 5000, 100_000):
        body = b'{"metadata":{"name":"a"},"data":' + b'{"x":' * depth + b"1" + b"}" * (depth + 1)
        answer = await admin.post(CONFIG_MAPS, body)
        assert answer.status == 400, (depth, answer.body[:200])
        patch = b'{"metadata":{"annotations":' + b'{"x":' * depth + b"1" + b"}" * (depth + 2)
        await admin.post(CONFIG_MAPS, config_map("p"))
        answer = await admin.request(
            "PATCH", f"{CONFIG_MAPS}/p", patch, Content_Type="application/merge-patch+json"
        )
        assert answer.status == 400, (depth, answer.body[:200])


async def test_yaml_aliases_do_not_blow_up(admin: Client) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    body = "\n".join(["metadata: {name: bomb}", *lines]).encode()
    with anyio.fail_after(5):
        answer = await admin.post(CONFIG_MAPS, body, Content_Type="application/yaml")
    assert answer.status == 400
    assert "excessive aliasing" in answer.message
    fine = b"metadata: {name: fine}\ndata: {a: &x hello, b: *x}"
    answer = await admin.post(CONFIG_MAPS, fine, Content_Type="application/yaml")
    assert answer.json["data"] == {"a": "hello", "b": "hello"}


async def test_a_connection_that_sends_no_request_is_closed(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEADER_TIMEOUT", 0.2)
    async with running(keys) as cluster:
        for sent in (b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "):
            tls = ssl.create_default_context(cafile=str(keys.ca.file))
            reader, writer = await asyncio.open_connection("127.0.0.1", cluster.server.port, ssl=tls)
            writer.write(sent)
            with anyio.fail_after(3):
                assert await reader.read() == b""
            writer.close()
        # A keep-alive connection in use and a watch are not slow.
        client = cluster.admin
        async with client.watch(f"{CONFIG_MAPS}?watch=1") as events:
            await anyio.sleep(0.5)
            assert (await client.post(CONFIG_MAPS, config_map("a"))).status == 201
            assert await events.take(1) == [("ADDED", "a")]


async def test_malformed_http_does_not_stop_the_server(cluster: Cluster) -> None:
    tls = ssl.create_default_context(cafile=str(cluster.keys.ca.file))
    for sent in (
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.server.port, ssl=tls)
        writer.write(sent)
        with anyio.fail_after(5):
            assert (await reader.read(200)).startswith(b"HTTP/1.")
        writer.close()
    assert (await cluster.client().get("/livez")).status == 200


async def test_strange_paths_and_queries(admin: Client) -> None:
    for path in (
        "/api/v1/namespaces/default/configmaps/%00",
        "/api/v1/namespaces/%2e%2e/configmaps",
        "/api//v1//pods",
        "/api/v1/namespaces/default/configmaps/a/b/c/d",
        "/apis/x/y/z/%ff",
        f"{CONFIG_MAPS}?limit=x",
        f"{CONFIG_MAPS}?limit=-5",
        f"{CONFIG_MAPS}?continue=x",
        f"{CONFIG_MAPS}?resourceVersion=-1",
        f"{CONFIG_MAPS}?resourceVersion=99999999999999999999999",
        f"{CONFIG_MAPS}?labelSelector=((",
        f"{CONFIG_MAPS}?fieldSelector=a",
        f"{CONFIG_MAPS}?watch=1&timeoutSeconds=x",
        f"{CONFIG_MAPS}?resourceVersionMatch=Other&resourceVersion=1",
    ):
        answer = await admin.get(path)
        assert answer.status < 500, (path, answer.body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "metadata",
    "spec",
    "status",
    "data",
    "kind",
    "apiVersion",
    "name",
    "namespace",
    "labels",
    "containers",
    "image",
    "ports",
    "template",
    "selector",
    "replicas",
    "resources",
    "limits",
    "env",
    "volumes",
    "annotations",
    "finalizers",
    "ownerReferences",
    "managedFields",
    "rules",
    "subjects",
    "roleRef",
    "type",
    "clusterIP",
    "schedule",
    "hard",
)
SHAPED = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5) | st.lists(inner, max_size=2),
    max_leaves=12,
)


def _mutated(base: Any, draw: Any) -> Any:
    """The object with one value somewhere replaced by another."""
    if isinstance(base, dict) and base and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(base)))
        return {**base, key: _mutated(base[key], draw)}
    if isinstance(base, list) and base and draw(st.integers(0, 3)):
        position = draw(st.integers(0, len(base) - 1))
        return [*base[:position], _mutated(base[position], draw), *base[position + 1 :]]
    return draw(SHAPED)


GROUPS = {
    "Deployment": "/apis/apps/v1/namespaces/default/deployments",
    "Pod": PODS,
    "Service": "/api/v1/namespaces/default/services",
    "ConfigMap": CONFIG_MAPS,
    "Job": "/apis/batch/v1/namespaces/default/jobs",
    "CronJob": "/apis/batch/v1/namespaces/default/cronjobs",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/default/persistentvolumeclaims",
    "StatefulSet": "/apis/apps/v1/namespaces/default/statefulsets",
    "ResourceQuota": "/api/v1/namespaces/default/resourcequotas",
    "LimitRange": "/api/v1/namespaces/default/limitranges",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
    "Node": "/api/v1/nodes",
}
POD_SPEC = {
    "containers": [
        {
            "name": "c",
            "image": "busybox",
            "ports": [{"containerPort": 80}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        }
    ],
    "volumes": [{"name": "v", "configMap": {"name": "x"}}],
    "tolerations": [{"key": "a", "operator": "Exists"}],
}
SPECS: dict[str, Any] = {
    "Pod": POD_SPEC,
    "Deployment": {
        "replicas": 1,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
    },
    "Service": {"ports": [{"port": 80}], "selector": {"a": "b"}},
    "Job": {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}},
    "CronJob": {
        "schedule": "* * * * *",
        "jobTemplate": {"spec": {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}}},
    },
    "Ingress": {
        "rules": [{"host": "a.b", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {}}]}}]
    },
    "NetworkPolicy": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
    "HorizontalPodAutoscaler": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "a"}},
    "CustomResourceDefinition": {
        "group": "a.b",
        "names": {"plural": "cs", "kind": "C"},
        "scope": "Namespaced",
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
    "PersistentVolumeClaim": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
    "PersistentVolume": {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/x"},
    },
    "ResourceQuota": {"hard": {"pods": "1"}},
    "LimitRange": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]},
    "PodDisruptionBudget": {"minAvailable": 1, "selector": {}},
    "StatefulSet": {
        "serviceName": "s",
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
        "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
    },
}


@st.composite
def mutations(draw: Any) -> tuple[str, Any]:
    """A kind and an object of it that is nearly right."""
    kind = draw(st.sampled_from(sorted(GROUPS)))
    base = {
        "metadata": {"name": "fuzz", "labels": {"a": "b"}, "annotations": {}},
        "spec": SPECS.get(kind, {}),
    }
    if kind == "ClusterRole":
        base = {
            "metadata": {"name": "fuzz"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        }
    return kind, _mutated(base, draw)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
async def test_fuzzed_objects_never_break_the_server(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    examples: list[tuple[str, Any]] = []

    @settings(
        max_examples=400,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations())
    def gather(example: tuple[str, Any]) -> None:
        examples.append(example)

    gather()
    for kind, obj in examples:
        try:
            body = orjson.dumps(obj)
        except (TypeError, orjson.JSONEncodeError):
            continue
        answer = await admin.post(GROUPS[kind], body)
        assert answer.status < 500, (kind, body, answer.body)
        assert answer.json["kind"] in ("Status", kind), (kind, body)
        if answer.status == 201:
            path = f"{GROUPS[kind]}/{answer.json['metadata']['name']}"
            for patch in ("merge", "strategic"):
                changed = await admin.patch(path, obj, patch)
                assert changed.status < 500, (kind, body, changed.body)
            assert (
                await admin.get(path, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
            ).status == 200
            assert (await admin.delete(path, {"gracePeriodSeconds": 0})).status < 300


async def test_a_pod_still_works_after_all_that(admin: Client) -> None:
    await make_default_account(admin)
    assert (await admin.post(PODS, pod("a"))).status == 201
