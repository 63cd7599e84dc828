"""Which rules a kind has."""

from __future__ import annotations

from kubepy.api.validation.rules import Rules
from kubepy.machinery.gvk import GK

RULES: dict[GK, Rules] = {}
