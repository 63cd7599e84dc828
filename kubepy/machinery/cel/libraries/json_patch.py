"""What mutating admission policies need to name the fields of a JSON patch."""

from __future__ import annotations

from kubepy.machinery.cel.functions import function, traversal


@function("jsonpatch.escapeKey(string) -> string", cost=traversal(0))
def escape_key(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
