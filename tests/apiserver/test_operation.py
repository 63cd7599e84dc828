"""Health, metrics, discovery, schema, limits, shutdown."""

from __future__ import annotations

import asyncio
import ssl

import anyio
import orjson
import pytest

from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.run import run
from kubepy.util.clock import SystemClock
from kubepy.util.config import ConfigError, loads

from .conftest import CONFIG_MAPS, Client, Cluster, Keys, config_map, free_port, running

pytestmark = pytest.mark.anyio
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


async def test_health_checks(cluster: Cluster) -> None:
    anonymous = cluster.client()
    for path in ("/livez", "/readyz", "/healthz"):
        assert (await anonymous.get(path)).body == b"ok"
    verbose = (await anonymous.get("/readyz?verbose")).body.decode().splitlines()
    assert verbose[0] == "[+]ping ok"
    assert verbose[-1] == "readyz check passed"
    assert (await cluster.admin.get("/livez/etcd")).status == 200
    await cluster.server.backend.aclose()
    failed = await anonymous.get("/livez")
    assert failed.status == 500
    assert "[-]etcd failed: reason withheld" in failed.body.decode()


async def test_legacy_discovery(admin: Client) -> None:
    assert (await admin.get("/api")).json["versions"] == ["v1"]
    groups = {g["name"]: g for g in (await admin.get("/apis")).json["groups"]}
    assert groups["autoscaling"]["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}
    listed = (await admin.get("/apis/apps/v1")).json
    resources = {r["name"]: r for r in listed["resources"]}
    assert resources["deployments"]["shortNames"] == ["deploy"]
    assert resources["deployments/scale"]["kind"] == "Scale"
    assert resources["deployments/scale"]["group"] == "autoscaling"
    assert (await admin.get("/apis/nothing.example.com")).status == 404


async def test_aggregated_discovery(admin: Client) -> None:
    answer = await admin.get("/apis", Accept=AGGREGATED)
    assert answer.headers["Content-Type"] == AGGREGATED.split(",")[0]
    assert answer.json["kind"] == "APIGroupDiscoveryList"
    apps = next(g for g in answer.json["items"] if g["metadata"]["name"] == "apps")
    deployments = next(r for r in apps["versions"][0]["resources"] if r["resource"] == "deployments")
    assert deployments["scope"] == "Namespaced"
    assert {s["subresource"] for s in deployments["subresources"]} == {"scale", "status"}
    unchanged = await admin.get("/apis", Accept=AGGREGATED, If_None_Match=answer.headers["ETag"])
    assert unchanged.status == 304


async def test_openapi_v3_documents_are_complete_and_cacheable(admin: Client) -> None:
    index = (await admin.get("/openapi/v3")).json["paths"]
    assert {"api/v1", "apis/apps/v1"} <= index.keys()
    answer = await admin.get(index["apis/apps/v1"]["serverRelativeURL"])
    assert answer.headers["Cache-Control"] == "public, immutable"
    schemas = answer.json["components"]["schemas"]
    deployment = schemas["io.k8s.api.apps.v1.Deployment"]
    assert deployment["x-kubernetes-group-version-kind"] == [
        {"group": "apps", "kind": "Deployment", "version": "v1"}
    ]
    text = orjson.dumps(answer.json).decode()
    missing = [
        part.split('"')[0]
        for part in text.split('"$ref":"#/components/schemas/')[1:]
        if part.split('"')[0] not in schemas
    ]
    assert missing == []
    item = answer.json["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert item["patch"]["x-kubernetes-action"] == "patch"
    assert "fieldValidation" in [p["name"] for p in item["patch"]["parameters"]]


async def test_openapi_v2_refers_to_nothing_that_is_missing(admin: Client) -> None:
    document = (await admin.get("/openapi/v2")).json
    text = orjson.dumps(document).decode()
    referred = {part.split('"')[0] for part in text.split('"$ref":"#/definitions/')[1:]}
    assert referred <= document["definitions"].keys()
    assert document["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"]["x-kubernetes-action"] == "post"


async def test_metrics_count_requests(admin: Client) -> None:
    await admin.get(f"{CONFIG_MAPS}/none")
    text = (await admin.get("/metrics")).body.decode()
    labels = 'verb="GET",group="",version="v1",resource="configmaps",subresource="",code="404"'
    assert f"apiserver_request_total{{{labels}}} 1" in text
    for line in text.splitlines():
        assert line.startswith("# ") or line.rsplit(" ", 1)[1].replace(".", "").replace("e+", "").isdigit(), (
            line
        )


async def test_too_many_requests_at_once_are_429(keys: Keys, tmp_path: object) -> None:
    async with running(keys, f"sqlite://{tmp_path}/state.db", max_mutating_requests_inflight=1) as cluster:
        user = cluster.client("alice")
        role = {"metadata": {"name": "all"}, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}
        role["subjects"] = [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}]
        role["roleRef"]["apiGroup"] = "rbac.authorization.k8s.io"
        await cluster.admin.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", role)
        answers: list[int] = []

        async def create(n: int) -> None:
            answer = await user.post(CONFIG_MAPS, config_map(f"c{n}"))
            answers.append(answer.status)
            if answer.status == 429:
                assert answer.headers["Retry-After"] == "1"
                assert answer.json["reason"] == "TooManyRequests"

        async with anyio.create_task_group() as tasks:
            for n in range(20):
                tasks.start_soon(create, n)
        assert set(answers) == {201, 429}
        answers.clear()
        user = cluster.admin  # system:masters are exempt
        async with anyio.create_task_group() as tasks:
            for n in range(100, 120):
                tasks.start_soon(create, n)
        assert set(answers) == {201}


async def test_events_and_autoscalers_are_the_same_under_both_names(admin: Client) -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Pulled",
        "message": "done",
        "type": "Normal",
        "source": {"component": "kubelet"},
    }
    made = await admin.post("/api/v1/namespaces/default/events", event)
    assert made.status == 201, made.body
    other = (await admin.get("/apis/events.k8s.io/v1/namespaces/default/events/e")).json
    assert (other["apiVersion"], other["note"], other["regarding"]["name"]) == (
        "events.k8s.io/v1",
        "done",
        "p",
    )
    listed = (await admin.get("/apis/events.k8s.io/v1/events")).json
    assert (listed["apiVersion"], listed["items"][0]["note"]) == ("events.k8s.io/v1", "done")
    scaler = {
        "metadata": {"name": "h"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 60,
        },
    }
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    made = await admin.post(path.format("v1"), scaler)
    assert made.status == 201, made.body
    assert made.json["spec"]["targetCPUUtilizationPercentage"] == 60
    metric = (await admin.get(f"{path.format('v2')}/h")).json["spec"]["metrics"][0]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}


async def test_run_reports_ready_and_ends_on_cancellation(keys: Keys, tmp_path: object) -> None:
    config = APIServerConfig(
        bind_address="127.0.0.1",
        secure_port=free_port(),
        storage=f"sqlite://{tmp_path}/state.db",
        tls_cert_file=keys.server[0],
        tls_private_key_file=keys.server[1],
    )
    for _ in range(2):  # the second start finds the storage unlocked and whole
        ready = anyio.Event()
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:

                async def serve(ready: anyio.Event = ready) -> None:
                    await run(config, SystemClock(), ready=ready.set)

                tasks.start_soon(serve)
                await ready.wait()
                tasks.cancel_scope.cancel()


def test_the_configuration_file() -> None:
    config = loads(APIServerConfig, "securePort: 7443\nserviceClusterIpRange: 10.0.0.0/16\n")
    assert (config.secure_port, config.service_cluster_ip_range) == (7443, "10.0.0.0/16")
    with pytest.raises(ConfigError, match="serviceNodePortRange"):
        loads(APIServerConfig, "serviceNodePortRange: '5-1'\n")


async def test_an_answer_on_the_wire(cluster: Cluster) -> None:
    tls = ssl.create_default_context(cafile=str(cluster.keys.ca.file))
    tls.load_cert_chain(*cluster.keys.client("kubernetes-admin", "system:masters"))

    async def ask(request: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.server.port, ssl=tls)
        writer.write(request.encode())
        with anyio.fail_after(5):
            received = await reader.read()
        writer.close()
        return received

    closing = "Host: x\r\nConnection: close\r\n\r\n"
    head, _, body = (await ask(f"GET /version HTTP/1.1\r\n{closing}")).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert headers["Content-Length"] == str(len(body))
    assert headers["Connection"] == "close"
    assert headers["Date"].endswith(" GMT")
    assert "Server" not in headers
    head, _, body = (await ask(f"HEAD /version HTTP/1.1\r\n{closing}")).partition(b"\r\n\r\n")
    assert (body, f"Content-Length: {headers['Content-Length']}" in head.decode()) == (b"", True)
    # Two requests on one connection, sent at once, are answered in order.
    pipelined = await ask(f"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /version HTTP/1.1\r\n{closing}")
    assert pipelined.index(b"\r\n\r\nok") < pipelined.index(b"gitVersion")
