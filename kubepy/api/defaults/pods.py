"""Defaults of pods and pod templates: spec, containers, probes."""

from __future__ import annotations

from kubepy.api.defaults.images import image_tag, pull_policy
from kubepy.api.defaults.volumes import default_volume
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

__all__ = ["default_pod", "default_pod_spec", "default_template", "image_tag", "round_amounts"]

_FINE = ("n", "u")


def default_pod(pod: Obj) -> None:
    """SetDefaults_Pod: what only real pods get, and all that templates get too."""
    spec = pod.setdefault("spec", {})
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            _default_requests(container.get("resources"))
    _default_requests(spec.get("resources"))
    spec.setdefault("enableServiceLinks", True)
    if spec.get("hostNetwork"):
        _default_host_ports(spec)
    default_pod_spec(spec)


def default_template(holder: Obj, field: str = "template") -> Obj:
    """Default the pod template in `holder`, make it if need be, and return it."""
    template: Obj = holder.setdefault(field, {})
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))
    return template


def label_as_template(obj: Obj) -> None:
    """Give an object without labels those of its pod template."""
    labels = obj["spec"]["template"]["metadata"].get("labels")
    if labels:
        metadata = obj.setdefault("metadata", {})
        if not metadata.get("labels"):
            metadata["labels"] = dict(labels)


def default_pod_spec(spec: Obj) -> None:
    """SetDefaults_PodSpec with everything below it."""
    if "dnsPolicy" not in spec:
        spec["dnsPolicy"] = "ClusterFirst"
    if "restartPolicy" not in spec:
        spec["restartPolicy"] = "Always"
    if "securityContext" not in spec:
        spec["securityContext"] = {}
    if "terminationGracePeriodSeconds" not in spec:
        spec["terminationGracePeriodSeconds"] = 30
    if not spec.get("schedulerName"):
        spec["schedulerName"] = "default-scheduler"
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        # The deprecated name is kept equal for old clients.
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in spec.get("containers") or ():
        _default_container(container)
    for container in spec.get("initContainers") or ():
        _default_container(container)
    for container in spec.get("ephemeralContainers") or ():
        _default_container(container)
    for volume in spec.get("volumes") or ():
        default_volume(volume)


def round_amounts(resources: Obj) -> None:
    """SetDefaults_ResourceList: nothing is finer than a thousandth."""
    for field in ("limits", "requests"):
        amounts = resources.get(field)
        if not amounts:
            continue
        for name, amount in amounts.items():
            if amount[-1:] in _FINE:
                amounts[name] = str(Quantity.parse(amount).round_up_milli())


def _default_requests(resources: Obj | None) -> None:
    limits = resources.get("limits") if resources else None
    if resources is None or not limits:
        return
    requests = resources.setdefault("requests", {})
    for name, amount in limits.items():
        requests.setdefault(name, amount)


def _default_host_ports(spec: Obj) -> None:
    """In the host's network a port is the host's port: told in pods, not in templates."""
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            for port in container.get("ports") or ():
                if not port.get("hostPort") and "containerPort" in port:
                    port["hostPort"] = port["containerPort"]


def _default_container(container: Obj) -> None:
    if "imagePullPolicy" not in container:
        container["imagePullPolicy"] = pull_policy(container.get("image") or "")
    if "terminationMessagePath" not in container:
        container["terminationMessagePath"] = "/dev/termination-log"
    if "terminationMessagePolicy" not in container:
        container["terminationMessagePolicy"] = "File"
    resources = container.get("resources")
    if resources is None:
        container["resources"] = {}
    elif resources:
        round_amounts(resources)
    for port in container.get("ports") or ():
        if "protocol" not in port:
            port["protocol"] = "TCP"
    for variable in container.get("env") or ():
        source = variable.get("valueFrom")
        if source:
            _default_field_reference(source.get("fieldRef"))
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is not None:
            _default_probe(probe)
    for handler in (container.get("lifecycle") or {}).values():
        if isinstance(handler, dict):
            _default_http_get(handler.get("httpGet"))


def _default_field_reference(reference: Obj | None) -> None:
    if reference is not None:
        reference.setdefault("apiVersion", "v1")


def _default_http_get(action: Obj | None) -> None:
    if action is not None:
        action.setdefault("path", "/")
        action.setdefault("scheme", "HTTP")


def _default_probe(probe: Obj) -> None:
    # Zero means unset in these fields, as in Go.
    for field, value in _PROBE:
        if not probe.get(field):
            probe[field] = value
    _default_http_get(probe.get("httpGet"))
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


_PROBE = (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3))
