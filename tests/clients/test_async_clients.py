"""kubernetes-asyncio, kr8s and lightkube, unmodified."""

from __future__ import annotations

import warnings

import anyio
import pytest

from .conftest import ControlPlane
from .manifests import config_map, deployment

pytestmark = pytest.mark.anyio
WHY = "the stock clients are not installed (make clients)"


async def test_kubernetes_asyncio(control_plane: ControlPlane, namespace: str) -> None:
    library = pytest.importorskip("kubernetes_asyncio", reason=WHY)
    await library.config.load_kube_config(str(control_plane.kubeconfig))
    async with library.client.ApiClient() as api:
        core = library.client.CoreV1Api(api)
        await core.create_namespaced_config_map(namespace, config_map("a", k="v"))
        assert (await core.read_namespaced_config_map("a", namespace)).data == {"k": "v"}
        seen = []
        async with library.watch.Watch() as watch:
            await core.create_namespaced_config_map(namespace, config_map("b"))
            async for event in watch.stream(core.list_namespaced_config_map, namespace, timeout_seconds=10):
                seen.append((event["type"], event["object"].metadata.name))
                if event["object"].metadata.name == "b":
                    break
        assert ("ADDED", "b") in seen


async def test_kr8s(control_plane: ControlPlane, namespace: str) -> None:
    kr8s = pytest.importorskip("kr8s", reason=WHY)
    from kr8s.asyncio.objects import ConfigMap, Deployment

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not heard of this version of Kubernetes yet
        api = await kr8s.asyncio.api(kubeconfig=str(control_plane.kubeconfig), namespace=namespace)
    made = await Deployment(deployment("web"), namespace=namespace, api=api)
    await made.create()
    await made.scale(3)
    await made.refresh()
    assert made.replicas == 3
    await made.label({"tier": "front"})
    found = [d async for d in api.get("deployments", namespace=namespace, label_selector={"tier": "front"})]
    assert [d.name for d in found] == ["web"]
    settings = await ConfigMap(config_map("settings", a="1"), namespace=namespace, api=api)
    await settings.create()
    await settings.patch({"data": {"b": "2"}})
    assert settings.raw["data"] == {"a": "1", "b": "2"}
    await settings.delete()
    with anyio.fail_after(10):
        while await settings.exists():
            await anyio.sleep(0.05)
    pods = [p async for p in api.get("pods", namespace=namespace)]
    assert len(pods) == 3
    version = await api.version()
    assert version["minor"] == "36"


async def test_lightkube(control_plane: ControlPlane, namespace: str) -> None:
    lightkube = pytest.importorskip("lightkube", reason=WHY)
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.apps_v1 import Deployment
    from lightkube.resources.core_v1 import ConfigMap, Service
    from lightkube.types import PatchType

    config = lightkube.KubeConfig.from_file(control_plane.kubeconfig)
    client = lightkube.AsyncClient(config=config, namespace=namespace, field_manager="lightkube-test")
    try:
        await client.create(ConfigMap(metadata=ObjectMeta(name="a"), data={"x": "1"}))
        patched = await client.patch(ConfigMap, "a", {"data": {"y": "2"}}, patch_type=PatchType.MERGE)
        assert patched.data == {"x": "1", "y": "2"}
        applied = await client.apply(ConfigMap(metadata=ObjectMeta(name="b"), data={"x": "1"}))
        assert applied.metadata.managedFields[0].manager == "lightkube-test"
        await client.create(Deployment.from_dict(deployment("web")))
        with anyio.fail_after(10):
            while True:
                status = (await client.get(Deployment.Status, "web")).status
                if status is not None and status.replicas == 2:
                    break
                await anyio.sleep(0.05)
        async for event, obj in client.watch(ConfigMap, resource_version="0"):
            if obj.metadata.name == "b":
                assert event == "ADDED"
                break
        with pytest.raises(lightkube.ApiError) as missing:
            await client.get(Service, "nothing")
        assert missing.value.status.reason == "NotFound"
        await client.deletecollection(ConfigMap)
        left = [c.metadata.name async for c in client.list(ConfigMap)]
        assert set(left) <= {"kube-root-ca.crt"}
    finally:
        await client.close()
