"""Security contexts: a pod's and a container's, as CRI has them. Pure."""

from __future__ import annotations

from typing import Any

from kubepy.cri.api import messages as m
from kubepy.kubelet.errors import ContainerConfigError
from kubepy.machinery.meta import Obj

#: What the reference kubelet hides from containers that are not privileged.
MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)


def namespace_options(pod: Obj, target: str = "") -> Any:
    """Which namespaces the pod has of its own, and which it shares with the node.

    `target` is a container whose process namespace is joined, where the pod has none for all.
    """
    spec = pod.get("spec") or {}
    if spec.get("hostPID"):
        pid = m.NODE
    elif spec.get("shareProcessNamespace"):
        pid = m.POD
    else:
        pid = m.TARGET if target else m.CONTAINER
    return m.NamespaceOption(
        network=m.NODE if spec.get("hostNetwork") else m.POD,
        pid=pid,
        ipc=m.NODE if spec.get("hostIPC") else m.POD,
        target_id=target if pid == m.TARGET else "",
    )


def effective(pod: Obj, container: Obj) -> Obj:
    """The container's security context over the pod's."""
    pod_level = (pod.get("spec") or {}).get("securityContext") or {}
    shared = (
        "runAsUser",
        "runAsGroup",
        "runAsNonRoot",
        "seLinuxOptions",
        "seccompProfile",
        "appArmorProfile",
    )
    merged = {key: pod_level[key] for key in shared if pod_level.get(key) is not None}
    own = {key: value for key, value in (container.get("securityContext") or {}).items() if value is not None}
    return merged | own


def check_non_root(pod: Obj, container: Obj, image_uid: int | None, image_user: str) -> None:
    """Raises ContainerConfigError when a container that must not run as root would."""
    context = effective(pod, container)
    if not context.get("runAsNonRoot"):
        return
    name = f"pod: {_described(pod)}, container: {container['name']}"
    user = context.get("runAsUser")
    if user is not None:
        if user == 0:
            raise ContainerConfigError(f"container's runAsUser breaks non-root policy ({name})")
        return
    if image_uid == 0 or (image_uid is None and not image_user):
        raise ContainerConfigError(f"container has runAsNonRoot and image will run as root ({name})")
    if image_user:
        raise ContainerConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image_user}), "
            f"cannot verify user is non-root ({name})"
        )


def sandbox_security(pod: Obj, *, privileged: bool) -> Any:
    context = (pod.get("spec") or {}).get("securityContext") or {}
    security = m.LinuxSandboxSecurityContext(
        namespace_options=namespace_options(pod),
        privileged=privileged,
        supplemental_groups=supplemental_groups(pod),
        seccomp=seccomp(context.get("seccompProfile")),
    )
    if context.get("runAsUser") is not None:
        security.run_as_user.value = context["runAsUser"]
    if context.get("runAsGroup") is not None and context.get("runAsUser") is not None:
        security.run_as_group.value = context["runAsGroup"]
    return security


def container_security(pod: Obj, container: Obj, target: str = "") -> Any:
    context = effective(pod, container)
    privileged = bool(context.get("privileged"))
    capabilities = context.get("capabilities") or {}
    security = m.LinuxContainerSecurityContext(
        namespace_options=namespace_options(pod, target),
        privileged=privileged,
        readonly_rootfs=bool(context.get("readOnlyRootFilesystem")),
        no_new_privs=context.get("allowPrivilegeEscalation") is False,
        supplemental_groups=supplemental_groups(pod),
        # Without a profile containers run unconfined; CRI's own default would be the runtime's.
        seccomp=m.SecurityProfile(profile_type=m.SecurityProfile.Unconfined)
        if privileged
        else seccomp(context.get("seccompProfile")),
        capabilities=m.Capability(
            add_capabilities=capabilities.get("add") or [], drop_capabilities=capabilities.get("drop") or []
        ),
    )
    if context.get("appArmorProfile"):
        # Said only where asked for: runtimes without AppArmor refuse every word about it.
        security.apparmor.CopyFrom(_apparmor(context["appArmorProfile"]))
    if not privileged and context.get("procMount") != "Unmasked":
        security.masked_paths.extend(MASKED_PATHS)
        security.readonly_paths.extend(READONLY_PATHS)
    if context.get("runAsUser") is not None:
        security.run_as_user.value = context["runAsUser"]
    if context.get("runAsGroup") is not None:
        security.run_as_group.value = context["runAsGroup"]
    options = context.get("seLinuxOptions")
    if options:
        known = {key: options[key] for key in ("user", "role", "type", "level") if key in options}
        security.selinux_options.CopyFrom(m.SELinuxOption(**known))
    return security


def supplemental_groups(pod: Obj) -> list[int]:
    """The pod's additional groups, the one that owns its volumes first."""
    context = (pod.get("spec") or {}).get("securityContext") or {}
    groups = [context["fsGroup"]] if context.get("fsGroup") is not None else []
    return [*groups, *(context.get("supplementalGroups") or ())]


def seccomp(profile: Obj | None) -> Any:
    kinds = m.SecurityProfile
    return _profile(profile, {"RuntimeDefault": kinds.RuntimeDefault}, kinds.Unconfined)


def _apparmor(profile: Obj) -> Any:
    return _profile(profile, {"Unconfined": m.SecurityProfile.Unconfined}, m.SecurityProfile.RuntimeDefault)


def _profile(profile: Obj | None, kinds: dict[str, Any], default: Any) -> Any:
    if profile and profile.get("type") == "Localhost":
        reference = profile.get("localhostProfile") or ""
        return m.SecurityProfile(profile_type=m.SecurityProfile.Localhost, localhost_ref=reference)
    kind = kinds.get((profile or {}).get("type") or "", default)
    return m.SecurityProfile(profile_type=kind)


def _described(pod: Obj) -> str:
    metadata = pod.get("metadata") or {}
    return f'"{metadata.get("name")}_{metadata.get("namespace")}({metadata.get("uid")})"'
