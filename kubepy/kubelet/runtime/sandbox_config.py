"""The configuration of a pod's sandbox. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubepy.cri.api import messages as m
from kubepy.kubelet.dns import ResolvConf, host_name
from kubepy.kubelet.runtime.labels import CONFIG_SOURCE, pod_labels
from kubepy.kubelet.runtime.security import effective, sandbox_security
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

_PROTOCOLS = {"TCP": 0, "UDP": 1, "SCTP": 2}


def sandbox_config(
    pod: Obj,
    *,
    attempt: int,
    dns: ResolvConf,
    log_directory: Path,
    cgroup_parent: str,
    search_domain: str = "",
) -> Any:
    """`cgroup_parent` is the pod's cgroup; `search_domain` that of its subdomain, for setHostnameAsFQDN."""
    spec = pod.get("spec") or {}
    privileged = any(
        effective(pod, c).get("privileged")
        for c in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    )
    config = m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(
            name=meta.name(pod), namespace=meta.namespace(pod), uid=meta.uid(pod), attempt=attempt
        ),
        log_directory=str(log_directory),
        dns_config=m.DNSConfig(servers=dns.servers, searches=dns.searches, options=dns.options),
        port_mappings=port_mappings(pod),
        labels=pod_labels(pod),
        annotations={CONFIG_SOURCE: "api"} | meta.annotations(pod),
        linux=m.LinuxPodSandboxConfig(
            cgroup_parent=cgroup_parent,
            security_context=sandbox_security(pod, privileged=privileged),
            sysctls={s["name"]: s["value"] for s in (spec.get("securityContext") or {}).get("sysctls") or ()},
        ),
    )
    if not spec.get("hostNetwork"):
        name = host_name(pod)
        config.hostname = (
            f"{name}.{search_domain}" if spec.get("setHostnameAsFQDN") and search_domain else name
        )
    return config


def port_mappings(pod: Obj) -> list[Any]:
    """Ports of the node that lead into the pod."""
    spec = pod.get("spec") or {}
    if spec.get("hostNetwork"):
        return []
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return [
        m.PortMapping(
            protocol=_PROTOCOLS[port.get("protocol") or "TCP"],
            container_port=port["containerPort"],
            host_port=port["hostPort"],
            host_ip=port.get("hostIP") or "",
        )
        for container in (*(spec.get("containers") or ()), *sidecars)
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]
