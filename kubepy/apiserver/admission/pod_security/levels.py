"""Which checks each level has in each version."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from kubepy.apiserver.admission.pod_security import baseline, restricted
from kubepy.apiserver.admission.pod_security.baseline import Check
from kubepy.apiserver.admission.pod_security.restricted import not_on_windows
from kubepy.apiserver.admission.pod_security.words import Violation
from kubepy.machinery.meta import Obj

LEVELS = ("privileged", "baseline", "restricted")
LATEST = 36
_ALWAYS = 0
# Checks by name, each with the first minor version of its variants (None: none from there on).
_Variants = dict[str, list[tuple[int, Check | None]]]
_BASELINE: _Variants = {
    "appArmorProfile": [(_ALWAYS, baseline.app_armor_profile)],
    "capabilities_baseline": [(_ALWAYS, baseline.capabilities)],
    "hostNamespaces": [(_ALWAYS, baseline.host_namespaces)],
    "hostPathVolumes": [(_ALWAYS, baseline.host_path_volumes)],
    "hostPorts": [(_ALWAYS, baseline.host_ports)],
    "hostProbesAndHostLifecycle": [(34, baseline.host_probes)],
    "privileged": [(_ALWAYS, baseline.privileged)],
    "procMount": [(_ALWAYS, baseline.proc_mount), (35, baseline.proc_mount_35)],
    "seLinuxOptions": [(_ALWAYS, baseline.selinux_options), (31, baseline.selinux_options_31)],
    "seccompProfile_baseline": [(_ALWAYS, baseline.seccomp_annotations), (19, baseline.seccomp_profile)],
    "sysctls": [
        (_ALWAYS, baseline.sysctls),
        (27, baseline.sysctls_27),
        (29, baseline.sysctls_29),
        (32, baseline.sysctls_32),
    ],
    "windowsHostProcess": [(_ALWAYS, baseline.windows_host_process)],
}
_RESTRICTED: _Variants = {
    "allowPrivilegeEscalation": [
        (8, restricted.allow_privilege_escalation),
        (25, not_on_windows(restricted.allow_privilege_escalation)),
    ],
    "capabilities_restricted": [
        (22, restricted.capabilities),
        (25, not_on_windows(restricted.capabilities)),
    ],
    "procMount_restricted": [(35, baseline.proc_mount)],
    "restrictedVolumes": [(_ALWAYS, restricted.restricted_volumes)],
    "runAsNonRoot": [(_ALWAYS, restricted.run_as_non_root)],
    "runAsUser": [(23, restricted.run_as_user)],
    "seccompProfile_restricted": [
        (19, restricted.seccomp_profile),
        (25, not_on_windows(restricted.seccomp_profile)),
    ],
}
_OVERRIDES = {
    "capabilities_restricted": "capabilities_baseline",
    "procMount_restricted": "procMount",
    "restrictedVolumes": "hostPathVolumes",
    "seccompProfile_restricted": "seccompProfile_baseline",
}


class Standard(NamedTuple):
    """A level in a version: `minor` is None for latest."""

    level: str
    minor: int | None = None

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor is None else f'v1.{self.minor}'}"

    def violations(self, metadata: Obj, spec: Obj) -> list[Violation]:
        """What of a pod the standard forbids."""
        if self.level == "privileged":
            return []
        found = (check(metadata, spec) for check in _checks(self.level, self.minor))
        return [violation for violation in found if violation is not None]


PRIVILEGED, RESTRICTED = Standard("privileged"), Standard("restricted")


def describe(violations: list[Violation]) -> str:
    """privileged (container "a" must not ...), host namespaces (...)"""
    return ", ".join(f"{v.reason} ({v.detail})" if v.detail else v.reason for v in violations)


@cache
def _checks(level: str, minor: int | None) -> tuple[Check, ...]:
    version = LATEST if minor is None else min(minor, LATEST)
    chosen = _at(_BASELINE, version)
    if level == "restricted":
        more = _at(_RESTRICTED, version)
        replaced = {_OVERRIDES[name] for name in more if name in _OVERRIDES}
        chosen = {name: check for name, check in chosen.items() if name not in replaced} | more
    return tuple(chosen.values())


def _at(variants: _Variants, version: int) -> dict[str, Check]:
    chosen: dict[str, Check] = {}
    for name, choices in variants.items():
        for first, check in choices:
            if version >= first and check is not None:
                chosen[name] = check
    return chosen
