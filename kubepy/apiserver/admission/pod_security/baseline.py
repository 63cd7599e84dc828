"""The checks of the baseline level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepy.apiserver.admission.pod_security.words import (
    Violation,
    containers,
    in_user_namespace,
    join_quote,
    named,
    pluralize,
    security,
    setters,
)
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj

Check = Callable[[Obj, Obj], Violation | None]
"""(metadata, spec) of a pod."""

_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_CAPABILITIES = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_SYSCTLS = frozenset(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    ]
)
_SYSCTLS_27 = _SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
_SYSCTLS_29 = _SYSCTLS_27 | {
    f"net.ipv4.tcp_{name}"
    for name in ("keepalive_time", "fin_timeout", "keepalive_intvl", "keepalive_probes")
}
_SYSCTLS_32 = _SYSCTLS_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
_SELINUX = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_SELINUX_31 = _SELINUX | {"container_engine_t"}


def app_armor_profile(metadata: Obj, spec: Obj) -> Violation | None:
    """AppArmor may not be switched off."""
    values: list[str] = []

    def bad(holder: Obj) -> bool:
        found = security(holder, "appArmorProfile", "type")
        if found in (None, "", "RuntimeDefault", "Localhost"):
            return False
        values.append(found)
        return True

    pod_is_bad = bad(spec)
    bad_containers = [c["name"] for c in containers(spec) if bad(c)]
    who = setters(spec, pod_is_bad, bad_containers)
    annotations = sorted(
        f"{key}={quote(value)}"
        for key, value in (metadata.get("annotations") or {}).items()
        if key.startswith(_APPARMOR)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    )
    if annotations:
        word = pluralize("annotation", "annotations", len(annotations))
        who = f"{who} and {word}" if who else word
    if not who:
        return None
    listed = [*sorted(set(values)), *annotations]
    reason = pluralize("forbidden AppArmor profile", "forbidden AppArmor profiles", len(listed))
    return Violation(reason, f"{who} must not set AppArmor profile type to {join_quote(listed)}")


def capabilities(metadata: Obj, spec: Obj) -> Violation | None:
    """Only the runtime's usual ones may be added."""
    bad: list[str] = []
    added: set[str] = set()
    for container in containers(spec):
        more = {c for c in security(container, "capabilities", "add") or () if c not in _CAPABILITIES}
        if more:
            bad.append(container["name"])
            added |= more
    if not bad:
        return None
    detail = f"{named(bad)} must not include {join_quote(sorted(added))} in securityContext.capabilities.add"
    return Violation("non-default capabilities", detail)


def host_namespaces(metadata: Obj, spec: Obj) -> Violation | None:
    """The node's own network, processes and IPC."""
    bad = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return Violation("host namespaces", ", ".join(bad)) if bad else None


def host_path_volumes(metadata: Obj, spec: Obj) -> Violation | None:
    """The node's own files."""
    bad = [v["name"] for v in spec.get("volumes") or () if v.get("hostPath") is not None]
    if not bad:
        return None
    return Violation("hostPath volumes", f"{pluralize('volume', 'volumes', len(bad))} {join_quote(bad)}")


def host_ports(metadata: Obj, spec: Obj) -> Violation | None:
    """Ports of the node."""
    bad: list[str] = []
    ports: set[str] = set()
    for container in containers(spec):
        found = {str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")}
        if found:
            bad.append(container["name"])
            ports |= found
    if not bad:
        return None
    uses, word = pluralize("uses", "use", len(bad)), pluralize("hostPort", "hostPorts", len(ports))
    return Violation("hostPort", f"{named(bad)} {uses} {word} {', '.join(sorted(ports))}")


def _hosts(handler: Any) -> set[str]:
    handler = handler or {}
    actions = (handler.get("httpGet") or {}, handler.get("tcpSocket") or {})
    return {action["host"] for action in actions if action.get("host")}


def host_probes(metadata: Obj, spec: Obj) -> Violation | None:
    """Probes and lifecycle handlers that make the kubelet call other hosts."""
    bad: set[str] = set()
    hosts: set[str] = set()
    for container in containers(spec):
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(f) for f in ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += [lifecycle.get("postStart"), lifecycle.get("preStop")]
        found = set().union(*map(_hosts, handlers))
        if found:
            bad.add(container["name"])
            hosts |= found
    if not bad:
        return None
    word = pluralize("probe or lifecycle host", "probe or lifecycle hosts", len(hosts))
    uses = pluralize("uses", "use", len(bad))
    detail = f"{named(sorted(bad))} {uses} {word} {join_quote(sorted(hosts))}"
    return Violation("probe or lifecycle host", detail)


def privileged(metadata: Obj, spec: Obj) -> Violation | None:
    """Containers that are the node."""
    bad = [c["name"] for c in containers(spec) if security(c, "privileged")]
    return (
        Violation("privileged", f"{named(bad)} must not set securityContext.privileged=true") if bad else None
    )


def proc_mount(metadata: Obj, spec: Obj) -> Violation | None:
    """/proc stays masked."""
    bad = [c["name"] for c in containers(spec) if security(c, "procMount") not in (None, "Default")]
    if not bad:
        return None
    found = {security(c, "procMount") for c in containers(spec)} - {None, "Default"}
    detail = f"{named(bad)} must not set securityContext.procMount to {join_quote(sorted(found))}"
    return Violation("procMount", detail)


def proc_mount_35(metadata: Obj, spec: Obj) -> Violation | None:
    """A pod in a user namespace of its own may see all of /proc."""
    return None if in_user_namespace(spec) else proc_mount(metadata, spec)


def _selinux(allowed: frozenset[str]) -> Check:
    def check(metadata: Obj, spec: Obj) -> Violation | None:
        types: set[str] = set()
        others: set[str] = set()

        def bad(holder: Obj) -> bool:
            options = security(holder, "seLinuxOptions") or {}
            wrong = (options.get("type") or "") not in allowed
            if wrong:
                types.add(options["type"])
            set_ = {field for field in ("user", "role") if options.get(field)}
            others.update(set_)
            return wrong or bool(set_)

        pod_is_bad = bad(spec)
        bad_containers = [c["name"] for c in containers(spec) if bad(c)]
        who = setters(spec, pod_is_bad, bad_containers)
        if not who:
            return None
        parts = []
        if types:
            parts.append(f"{pluralize('type', 'types', len(types))} {join_quote(sorted(types))}")
        parts += [f"{field} may not be set" for field in ("user", "role") if field in others]
        detail = f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(parts)}"
        return Violation("seLinuxOptions", detail)

    return check


selinux_options, selinux_options_31 = _selinux(_SELINUX), _selinux(_SELINUX_31)


def seccomp_annotations(metadata: Obj, spec: Obj) -> Violation | None:
    """Before v1.19 the profile was an annotation."""
    bad = sorted(
        f"{key}={quote(value)}"
        for key, value in (metadata.get("annotations") or {}).items()
        if (key == _SECCOMP_POD or key.startswith(_SECCOMP_CONTAINER)) and value == "unconfined"
    )
    if not bad:
        return None
    word = pluralize("annotation", "annotations", len(bad))
    return Violation("seccompProfile", f"forbidden {word} {', '.join(bad)}")


def seccomp_profile(metadata: Obj, spec: Obj) -> Violation | None:
    """The filter of system calls may not be switched off."""
    values: set[str] = set()

    def bad(holder: Obj) -> bool:
        found = security(holder, "seccompProfile", "type")
        if found in (None, "RuntimeDefault", "Localhost"):
            return False
        values.add(found)
        return True

    pod_is_bad = bad(spec)
    who = setters(spec, pod_is_bad, [c["name"] for c in containers(spec) if bad(c)])
    if not who:
        return None
    detail = f"{who} must not set securityContext.seccompProfile.type to {join_quote(sorted(values))}"
    return Violation("seccompProfile", detail)


def _sysctls(allowed: frozenset[str]) -> Check:
    def check(metadata: Obj, spec: Obj) -> Violation | None:
        bad = [s["name"] for s in security(spec, "sysctls") or () if s["name"] not in allowed]
        if not bad:
            return None
        return Violation(pluralize("forbidden sysctl", "forbidden sysctls", len(bad)), ", ".join(bad))

    return check


sysctls, sysctls_27, sysctls_29, sysctls_32 = map(_sysctls, (_SYSCTLS, _SYSCTLS_27, _SYSCTLS_29, _SYSCTLS_32))


def windows_host_process(metadata: Obj, spec: Obj) -> Violation | None:
    """Windows' kind of privileged."""
    bad = [c["name"] for c in containers(spec) if security(c, "windowsOptions", "hostProcess")]
    who = setters(spec, bool(security(spec, "windowsOptions", "hostProcess")), bad)
    if not who:
        return None
    return Violation("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true")
