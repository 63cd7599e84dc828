"""A kr8s operator: ConfigMaps labelled ``distribute=true`` in default are copied to labelled namespaces."""

import asyncio

import kr8s
from kr8s.asyncio.objects import ConfigMap

SELECTOR = "distribute=true"
_WRITING = asyncio.Lock()


async def distribute(api, source):
    async for namespace in api.get("namespaces", label_selector="wants=config"):
        await put(api, source, namespace)


async def put(api, source, namespace):
    copy = ConfigMap(
        {
            "metadata": {
                "name": source.name,
                "namespace": namespace.name,
                "labels": {"copied-from": "default"},
            },
            "data": dict(source.raw.get("data", {})),
        },
        api=api,
    )
    async with _WRITING:  # a source and a namespace that appear at once mean the same copy
        if await copy.exists():
            await copy.patch({"data": copy.raw["data"]})
        else:
            await copy.create()


async def follow_sources(api):
    async for event, source in api.watch("configmaps", namespace="default", label_selector=SELECTOR):
        if event in ("ADDED", "MODIFIED"):
            await distribute(api, source)


async def follow_namespaces(api):
    async for event, namespace in api.watch("namespaces", label_selector="wants=config"):
        if event == "ADDED":
            async for source in api.get("configmaps", namespace="default", label_selector=SELECTOR):
                await put(api, source, namespace)


async def main():
    api = await kr8s.asyncio.api()
    await asyncio.gather(follow_sources(api), follow_namespaces(api))


if __name__ == "__main__":
    asyncio.run(main())
