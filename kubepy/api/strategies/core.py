"""Preparation of core kinds: pods, services, namespaces, nodes, volumes."""

from __future__ import annotations

from typing import Any

from kubepy.api.strategies.hook import Hook
from kubepy.api.strategies.pods import create_pod
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_HEAD = frozenset(("apiVersion", "kind", "metadata"))


def _pod_status(pod: Obj, old: Obj) -> None:
    status = pod.get("status")
    _restore(pod, old)
    if status is not None:
        pod["status"] = status
    # An update of the status cannot hand the pod to another owner.
    _keep_metadata(pod, old, "ownerReferences")
    if status is not None and "qosClass" not in status and "qosClass" in (old.get("status") or {}):
        status["qosClass"] = old["status"]["qosClass"]


def _pod_ephemeral_containers(pod: Obj, old: Obj) -> None:
    wanted = pod.get("spec", {}).get("ephemeralContainers")
    _restore(pod, old)
    if wanted is not None:
        pod["spec"] = {**old["spec"], "ephemeralContainers": wanted}


def _pod_resize(pod: Obj, old: Obj) -> None:
    spec = dict(old["spec"])
    for field in ("containers", "initContainers"):
        wanted = {c.get("name"): c for c in (pod.get("spec") or {}).get(field) or ()}
        if field in spec:
            spec[field] = [
                _resized(container, wanted.get(container.get("name"))) for container in spec[field]
            ]
    _restore(pod, old)
    pod["spec"] = spec


def _resized(container: Obj, wanted: Obj | None) -> Obj:
    if wanted is None:
        return container
    changed = dict(container)
    for field in ("resources", "resizePolicy"):
        if field in wanted:
            changed[field] = wanted[field]
        else:
            changed.pop(field, None)
    return changed


def _restore(obj: Obj, old: Obj) -> None:
    for field, value in old.items():
        if field not in _HEAD:
            obj[field] = value
    for field in obj.keys() - old.keys() - _HEAD:
        del obj[field]


def _keep_metadata(obj: Obj, old: Obj, field: str) -> None:
    if field in old["metadata"]:
        obj["metadata"][field] = old["metadata"][field]
    else:
        obj["metadata"].pop(field, None)


def _create_namespace(namespace: Obj) -> None:
    namespace["status"] = {"phase": "Active"}
    finalizers = namespace.setdefault("spec", {}).setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")


def _update_namespace(namespace: Obj, old: Obj) -> None:
    # spec holds nothing but finalizers, and those change only through /finalize.
    namespace["spec"] = old.get("spec") or {}


def _namespace_finalize(namespace: Obj, old: Obj) -> None:
    if "status" in old:
        namespace["status"] = old["status"]


def _create_pending(obj: Obj) -> None:
    obj["status"] = {"phase": "Pending"}


def _create_service(service: Obj) -> None:
    service["status"] = {"loadBalancer": {}}
    drop_type_dependent_fields(service["spec"], None)


def _update_service(service: Obj, old: Obj) -> None:
    _keep_allocated(service["spec"], old["spec"])
    drop_type_dependent_fields(service["spec"], old["spec"])


def _needs_cluster_ip(spec: Obj) -> bool:
    return spec.get("type") in ("ClusterIP", "NodePort", "LoadBalancer")


def _needs_node_port(spec: Obj) -> bool:
    if spec.get("type") == "NodePort":
        return True
    return spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False


def _needs_health_check_port(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _port_key(port: Obj) -> tuple[str, int]:
    return port.get("protocol") or "TCP", port.get("port") or 0


def _keep_allocated(spec: Obj, old: Obj) -> None:
    """Fill in what the server allocated and the client left out (PatchAllocatedValues)."""
    if _needs_cluster_ip(spec) and _needs_cluster_ip(old):
        if not spec.get("clusterIP") and old.get("clusterIP"):
            spec["clusterIP"] = old["clusterIP"]
        if not spec.get("clusterIPs") and spec.get("clusterIP") == old.get("clusterIP"):
            spec["clusterIPs"] = old.get("clusterIPs") or []
    if _needs_node_port(spec) and _needs_node_port(old):
        known = {_port_key(port): port.get("nodePort") for port in old.get("ports") or ()}
        taken = {port.get("nodePort") for port in spec.get("ports") or ()}
        for port in spec.get("ports") or ():
            before = known.get(_port_key(port))
            if not port.get("nodePort") and before and before not in taken:
                port["nodePort"] = before
    if _needs_health_check_port(spec) and _needs_health_check_port(old) and old.get("healthCheckNodePort"):
        spec.setdefault("healthCheckNodePort", old["healthCheckNodePort"])


def drop_type_dependent_fields(spec: Obj, old: Obj | None) -> None:
    """Drop what a change of type made meaningless, unless the client changed the field itself."""
    if old is None:
        return
    if _needs_cluster_ip(old) and not _needs_cluster_ip(spec):
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(field) == old.get(field):
                spec.pop(field, None)
    if _needs_node_port(old) and not _needs_node_port(spec):
        before = [port.get("nodePort") for port in old.get("ports") or ()]
        if [port.get("nodePort") for port in spec.get("ports") or ()] == before:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
    dependent: list[tuple[bool, bool, str]] = [
        (_needs_health_check_port(old), _needs_health_check_port(spec), "healthCheckNodePort"),
        (_is_balancer(old), _is_balancer(spec), "allocateLoadBalancerNodePorts"),
        (_is_balancer(old), _is_balancer(spec), "loadBalancerClass"),
        (_is_external(old), _is_external(spec), "externalTrafficPolicy"),
    ]
    for needed_before, needed_now, field in dependent:
        if needed_before and not needed_now and _same(spec, old, field):
            spec.pop(field, None)


def _same(spec: Obj, old: Obj, field: str) -> bool:
    value: Any = spec.get(field)
    return bool(value == old.get(field))


def _is_balancer(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer"


def _is_external(spec: Obj) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer") or bool(spec.get("externalIPs"))


HOOKS: dict[GK, Hook] = {
    GK("", "Pod"): Hook(
        create=create_pod,
        subresources={
            "status": _pod_status,
            "ephemeralcontainers": _pod_ephemeral_containers,
            "resize": _pod_resize,
        },
    ),
    GK("", "Namespace"): Hook(
        create=_create_namespace,
        update=_update_namespace,
        subresources={"finalize": _namespace_finalize},
    ),
    # A kubelet registers its node with the status it has.
    GK("", "Node"): Hook(keeps_status_on_create=True),
    GK("", "PersistentVolume"): Hook(create=_create_pending),
    GK("", "PersistentVolumeClaim"): Hook(create=_create_pending),
    GK("", "Service"): Hook(create=_create_service, update=_update_service),
}
