"""Every namespace has the config map kube-root-ca.crt, by which pods know the API server."""

from __future__ import annotations

from kubepy.api.resources import CONFIG_MAPS, NAMESPACES
from kubepy.controllers.context import Context
from kubepy.controllers.ensure import ensure
from kubepy.machinery import meta
from kubepy.operator import Controller, Request

NAME = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints "
    "such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
    "distributions of Kubernetes clusters."
)


def new(context: Context) -> Controller | None:
    """The root CA publisher; none without a CA to publish."""
    if context.config.root_ca_file is None:
        return None
    certificate = context.config.root_ca_file.read_text()
    namespaces = context.factory.informer(NAMESPACES)
    config_maps = context.factory.informer(CONFIG_MAPS, field_selector=f"metadata.name={NAME}")

    async def reconcile(request: Request) -> None:
        namespace = namespaces.lister.get(request.name)
        if namespace is None or meta.is_terminating(namespace):
            return
        wanted = {"ca.crt": certificate}
        present = config_maps.lister.get(NAME, request.name)
        if present is None:
            metadata = {
                "name": NAME,
                "namespace": request.name,
                "annotations": {"kubernetes.io/description": DESCRIPTION},
            }
            config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": wanted}
            await ensure(context.client, CONFIG_MAPS, config_map)
        elif present.get("data") != wanted:
            await context.client.update(CONFIG_MAPS, {**present, "data": wanted})

    controller = Controller("root-ca-certificate-publisher", reconcile).for_(NAMESPACES)
    config_maps.add_handler(
        on_update=lambda old, new: controller.queue.add(Request("", meta.namespace(new))),
        on_delete=lambda old: controller.queue.add(Request("", meta.namespace(old))),
    )
    return controller
