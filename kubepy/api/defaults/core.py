"""Defaults of the core group beside pods: services, secrets, volumes, nodes, limits."""

from __future__ import annotations

import base64
from collections.abc import Callable

from kubepy.api.defaults.pods import default_pod, default_template, label_as_template
from kubepy.api.defaults.volumes import default_claim_spec, default_volume_source
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def _replication_controller(controller: Obj) -> None:
    spec = controller.setdefault("spec", {})
    labels = default_template(spec)["metadata"].get("labels")
    if labels and not spec.get("selector"):
        spec["selector"] = dict(labels)
    label_as_template(controller)
    spec.setdefault("replicas", 1)


def _pod_template(template: Obj) -> None:
    default_template(template)


def _service(service: Obj) -> None:
    spec = service.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    if spec.setdefault("sessionAffinity", "None") == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client_ip = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client_ip.setdefault("timeoutSeconds", 10800)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, "") and "port" in port:
            port["targetPort"] = port["port"]
    if kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    _service_status(service)


def _service_status(service: Obj) -> None:
    if service["spec"]["type"] == "LoadBalancer":
        status = service.get("status")
        for entry in ((status.get("loadBalancer") or {}).get("ingress") or ()) if status else ():
            if entry.get("ip"):
                entry.setdefault("ipMode", "VIP")


def _secret(secret: Obj) -> None:
    secret.setdefault("type", "Opaque")
    # stringData is write-only: it is folded into data and never read back.
    plain = secret.pop("stringData", None)
    if plain:
        data = secret.setdefault("data", {})
        data.update((key, base64.b64encode(value.encode()).decode()) for key, value in plain.items())


def _persistent_volume(volume: Obj) -> None:
    spec = volume.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    default_volume_source(spec)


def _persistent_volume_claim(claim: Obj) -> None:
    default_claim_spec(claim.setdefault("spec", {}))


def _namespace(namespace: Obj) -> None:
    metadata = namespace.setdefault("metadata", {})
    # A generated name is not known yet; the label follows when it is.
    if metadata.get("name"):
        metadata.setdefault("labels", {})[NAMESPACE_LABEL] = metadata["name"]


def _node(node: Obj) -> None:
    spec = node.setdefault("spec", {})
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs") and not spec.get("podCIDR"):
        spec["podCIDR"] = spec["podCIDRs"][0]
    _node_status(node)


def _node_status(node: Obj) -> None:
    status = node.get("status")
    if status and status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])


def _endpoints(endpoints: Obj) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _limit_range(limit_range: Obj) -> None:
    for item in limit_range.setdefault("spec", {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        default = item.setdefault("default", {})
        for name, amount in (item.get("max") or {}).items():
            default.setdefault(name, amount)
        request = item.setdefault("defaultRequest", {})
        for source in (default, item.get("min") or {}):
            for name, amount in source.items():
                request.setdefault(name, amount)
        for field in ("default", "defaultRequest"):
            if not item[field]:
                del item[field]


def _spec_only(obj: Obj) -> None:
    obj.setdefault("spec", {})


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("", "v1", "Pod"): default_pod,
    GVK("", "v1", "PodTemplate"): _pod_template,
    GVK("", "v1", "ReplicationController"): _replication_controller,
    GVK("", "v1", "Service"): _service,
    GVK("", "v1", "Secret"): _secret,
    GVK("", "v1", "PersistentVolume"): _persistent_volume,
    GVK("", "v1", "PersistentVolumeClaim"): _persistent_volume_claim,
    GVK("", "v1", "Namespace"): _namespace,
    GVK("", "v1", "Node"): _node,
    GVK("", "v1", "Endpoints"): _endpoints,
    GVK("", "v1", "LimitRange"): _limit_range,
    GVK("", "v1", "ResourceQuota"): _spec_only,
}

STATUS_DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("", "v1", "Namespace"): _namespace,
    GVK("", "v1", "Node"): _node_status,
    GVK("", "v1", "ReplicationController"): label_as_template,
    GVK("", "v1", "Service"): _service_status,
}
