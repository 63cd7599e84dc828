"""Defaults of pods and pod templates: spec, containers, probes."""

from __future__ import annotations

from kubepy.api.defaults.volumes import default_volume
from kubepy.machinery.meta import Obj

_DEFAULT_TAG = "latest"


def image_tag(image: str) -> str:
    """Return the tag an image reference has or implies ("" when it has only a digest)."""
    name, at, _ = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return tag
    return "" if at else _DEFAULT_TAG


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
        latest = image_tag(container.get("image") or "") == _DEFAULT_TAG
        container["imagePullPolicy"] = "Always" if latest else "IfNotPresent"
    if "terminationMessagePath" not in container:
        container["terminationMessagePath"] = "/dev/termination-log"
    if "terminationMessagePolicy" not in container:
        container["terminationMessagePolicy"] = "File"
    if "resources" not in container:
        container["resources"] = {}
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
