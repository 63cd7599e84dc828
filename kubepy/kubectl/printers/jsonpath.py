"""-o jsonpath, jsonpath-as-json and jsonpath-file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.printers import json
from kubepy.machinery.jsonpath import JSONPath, JSONPathError
from kubepy.machinery.meta import Obj


def renderer(kind: str, template: str, allow_missing_keys: bool) -> Callable[[Obj], str]:
    """The function that applies the template. Raises CommandError for a template that is none."""
    if not template:
        raise CommandError("template format specified but no template given")
    if kind == "jsonpath-file":
        try:
            template = Path(template).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"error reading --template {template}, {error.strerror}") from None
    try:
        path = JSONPath(template, allow_missing_keys=allow_missing_keys)
    except JSONPathError as error:
        raise CommandError(f"error parsing jsonpath {template}, {error}") from None

    def render(obj: Obj) -> str:
        try:
            if kind == "jsonpath-as-json":
                return json.render(path.find(obj))
            return path.render(obj)
        except JSONPathError as error:
            raise CommandError(
                f'error executing jsonpath "{template}": Error executing template: {error}. Printing more '
                f"information for debugging the template:\n\ttemplate was:\n\t\t{template}\n"
                f"\tobject given to jsonpath engine was:\n\t\t{obj}\n\n"
            ) from None

    return render
