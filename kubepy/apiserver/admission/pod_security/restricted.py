"""The checks of the restricted level, besides those of baseline."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.apiserver.admission.pod_security.words import (
    Violation,
    containers,
    in_user_namespace,
    is_windows,
    join_quote,
    named,
    pluralize,
    security,
    setters,
)
from kubepy.machinery.meta import Obj

_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)


def not_on_windows(check: Callable[[Obj, Obj], Violation | None]) -> Callable[[Obj, Obj], Violation | None]:
    """The check for pods that say they are not for Windows (since v1.25)."""
    return lambda metadata, spec: None if is_windows(spec) else check(metadata, spec)


def allow_privilege_escalation(metadata: Obj, spec: Obj) -> Violation | None:
    """No setuid root."""
    bad = [c["name"] for c in containers(spec) if security(c, "allowPrivilegeEscalation") is not False]
    if not bad:
        return None
    detail = f"{named(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail)


def capabilities(metadata: Obj, spec: Obj) -> Violation | None:
    """All dropped, but for binding to low ports."""
    keeping: list[str] = []
    adding: list[str] = []
    added: set[str] = set()
    for container in containers(spec):
        if "ALL" not in (security(container, "capabilities", "drop") or ()):
            keeping.append(container["name"])
        more = set(security(container, "capabilities", "add") or ()) - {"NET_BIND_SERVICE"}
        if more:
            adding.append(container["name"])
            added |= more
    details = []
    if keeping:
        details.append(f'{named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        forbidden = join_quote(sorted(added))
        details.append(f"{named(adding)} must not include {forbidden} in securityContext.capabilities.add")
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def run_as_non_root(metadata: Obj, spec: Obj) -> Violation | None:
    """The pod or each container says so."""
    if in_user_namespace(spec):
        return None
    pod = security(spec, "runAsNonRoot")
    values = [(c["name"], security(c, "runAsNonRoot")) for c in containers(spec)]
    who = setters(spec, pod is False, [name for name, value in values if value is False])
    if who:
        return Violation("runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false")
    silent = [name for name, value in values if value is None]
    if silent and not pod:
        detail = f"pod or {named(silent)} must set securityContext.runAsNonRoot=true"
        return Violation("runAsNonRoot != true", detail)
    return None


def run_as_user(metadata: Obj, spec: Obj) -> Violation | None:
    """Not 0."""
    if in_user_namespace(spec):
        return None
    bad = [c["name"] for c in containers(spec) if security(c, "runAsUser") == 0]
    who = setters(spec, security(spec, "runAsUser") == 0, bad)
    return Violation("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


def seccomp_profile(metadata: Obj, spec: Obj) -> Violation | None:
    """The pod or each container names a profile."""
    good = ("RuntimeDefault", "Localhost")
    values: set[str] = set()
    pod = security(spec, "seccompProfile", "type")
    if pod is not None and pod not in good:
        values.add(pod)
    bad, silent = [], []
    for container in containers(spec):
        found = security(container, "seccompProfile", "type")
        if found is None:
            if pod not in good:
                silent.append(container["name"])
        elif found not in good:
            bad.append(container["name"])
            values.add(found)
    who = setters(spec, pod is not None and pod not in good, bad)
    if who:
        detail = f"{who} must not set securityContext.seccompProfile.type to {join_quote(sorted(values))}"
        return Violation("seccompProfile", detail)
    if silent:
        start = f"pod or {named(silent)} must set securityContext.seccompProfile.type"
        return Violation("seccompProfile", f'{start} to "RuntimeDefault" or "Localhost"')
    return None


def restricted_volumes(metadata: Obj, spec: Obj) -> Violation | None:
    """Volumes that are of the pod or of the cluster, not of a node or a server."""
    bad: list[str] = []
    types: set[str] = set()
    for volume in spec.get("volumes") or ():
        kinds = [field for field, value in volume.items() if field != "name" and value is not None]
        wrong = [kind for kind in kinds if kind not in _VOLUMES]
        if wrong or not kinds:
            bad.append(volume["name"])
            types.add(wrong[0] if wrong else "unknown")
    if not bad:
        return None
    word = pluralize("volume", "volumes", len(bad))
    kind = pluralize("restricted volume type", "restricted volume types", len(types))
    uses = pluralize("uses", "use", len(bad))
    detail = f"{word} {join_quote(bad)} {uses} {kind} {join_quote(sorted(types))}"
    return Violation("restricted volume types", detail)
