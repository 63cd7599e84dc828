"""The AdmissionRequest of admission.k8s.io/v1: what webhooks and CEL expressions see of a write."""

from __future__ import annotations

from typing import Any

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.matching import namespace_of
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj

_CONNECT_OPTIONS = {
    "exec": "PodExecOptions",
    "attach": "PodAttachOptions",
    "portforward": "PodPortForwardOptions",
}


def _kind(gvk: GVK) -> Obj:
    return {"group": gvk.group, "version": gvk.version, "kind": gvk.kind}


def _resource(gvr: GVR) -> Obj:
    return {"group": gvr.group, "version": gvr.version, "resource": gvr.resource}


def kind_of(attributes: Attributes) -> GVK:
    """The kind of the request's object: Eviction for pods/eviction, PodExecOptions for pods/exec."""
    if attributes.obj is not None and attributes.obj.get("kind"):
        return GVK.of(attributes.obj)
    if attributes.operation == "CONNECT" and attributes.subresource in _CONNECT_OPTIONS:
        return GVK("", "v1", _CONNECT_OPTIONS[attributes.subresource])
    return attributes.resource.gvk


def admission_request(attributes: Attributes, matched: Resource | None = None) -> dict[str, Any]:
    """Everything but uid, object and oldObject. `matched` is the name under which a rule found the write."""
    kind, resource = kind_of(attributes), attributes.gvr
    shown_kind, shown_resource = kind, resource
    if matched is not None and matched.gvr != resource:
        shown_resource = matched.gvr
        shown_kind = matched.gvk if kind == attributes.resource.gvk else kind
    request: dict[str, Any] = {
        "kind": _kind(shown_kind),
        "resource": _resource(shown_resource),
        "requestKind": _kind(kind),
        "requestResource": _resource(resource),
    }
    if attributes.subresource:
        request["subResource"] = request["requestSubResource"] = attributes.subresource
    if attributes.name:
        request["name"] = attributes.name
    namespace = namespace_of(attributes)
    if namespace:
        request["namespace"] = namespace
    request["operation"] = attributes.operation
    request["userInfo"] = attributes.user.as_info()
    request["dryRun"] = attributes.dry_run
    request["options"] = None if attributes.operation == "CONNECT" else attributes.options
    return request
