"""Kubernetes' find and findAll."""

from __future__ import annotations

from kubepy.machinery.cel.functions import method, regular_expression
from kubepy.machinery.cel.libraries.standard import compiled


@method("string.find(string) -> string", cost=regular_expression)
def find(text: str, pattern: str) -> str:
    match = compiled(pattern).search(text)
    return match[0] if match else ""


@method(
    "string.findAll(string) -> list(string)",
    "string.findAll(string, int) -> list(string)",
    cost=regular_expression,
)
def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in compiled(pattern).finditer(text)]
    return found if limit < 0 else found[:limit]
