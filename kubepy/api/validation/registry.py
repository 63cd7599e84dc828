"""Which rules a kind has. A group's rooms are loaded when the first of its objects is to be checked."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from kubepy.api.validation.rules import Rules
from kubepy.machinery.gvk import GK

_ROOMS: dict[str, tuple[str, ...]] = {
    "": (
        "pods",
        "core",
        "nodes",
        "quotas",
        "events",
        "endpoints",
        "persistent_volumes",
        "claims",
        "services",
        "apps",
    ),
    "admissionregistration.k8s.io": ("admissionregistration",),
    "apiextensions.k8s.io": ("apiextensions",),
    "apiregistration.k8s.io": ("apiservices",),
    "apps": ("apps",),
    "autoscaling": ("autoscaling",),
    "batch": ("batch",),
    "certificates.k8s.io": ("certificates",),
    "coordination.k8s.io": ("policy",),
    "discovery.k8s.io": ("endpoints",),
    "events.k8s.io": ("events",),
    "flowcontrol.apiserver.k8s.io": ("flowcontrol",),
    "networking.k8s.io": ("networking",),
    "node.k8s.io": ("policy",),
    "policy": ("policy",),
    "rbac.authorization.k8s.io": ("rbac",),
    "resource.k8s.io": ("devices",),
    "scheduling.k8s.io": ("policy",),
    "storage.k8s.io": ("storage",),
}
GROUPS = tuple(_ROOMS)


@cache
def rules_of_group(group: str) -> dict[GK, Rules]:
    """The rules of every kind of a group that has some of its own."""
    found: dict[GK, Rules] = {}
    for room in _ROOMS.get(group, ()):
        rules: dict[GK, Rules] = import_module(f"{__package__}.{room}").RULES
        found |= {gk: rule for gk, rule in rules.items() if gk.group == group}
    return found


def rules(gk: GK) -> Rules:
    """The rules of a kind; a kind without any of its own has those of every object."""
    return rules_of_group(gk.group).get(gk, _NO_RULES)


_NO_RULES = Rules()
