"""The order of API versions: v2, v1, v1beta2, v1beta1, v1alpha1, and then all others by name."""

from __future__ import annotations

import re

_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STAGES = {None: 0, "beta": 1, "alpha": 2}
Priority = tuple[int, int, int, int, str]


def priority(version: str) -> Priority:
    """A sort key: what clients should prefer comes first."""
    matched = _VERSION.fullmatch(version)
    if matched is None:
        return (1, 0, 0, 0, version)
    major, stage, minor = matched.groups()
    return (0, _STAGES[stage], -int(major), -int(minor or 0), "")
