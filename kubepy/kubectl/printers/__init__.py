"""Objects to text: tables, YAML, JSON, names, JSONPath, custom columns.

`writer` chooses by `-o`; the layout of tables is in `tabwriter` and `table`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.kubectl.failures import CommandError
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.flags import Values

Render = Callable[[Obj], str]
FORMATS = "custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml"


def is_table(output: str) -> bool:
    """Whether `-o` asks for the server's table."""
    return output in ("", "wide")


def renderer(values: Values) -> Render:
    """The function that makes text of an object or a v1 List, by the flags -o, --template and their like."""
    output = values.text("output")
    kind, _, argument = output.partition("=")
    argument = argument or (values.text("template") if values.has("template") else "")
    strip: Callable[[Obj], Obj] = (
        (lambda obj: obj) if values.on("show-managed-fields") else without_managed_fields
    )
    match kind:
        case "json":
            from kubepy.kubectl.printers import json

            return lambda obj: json.render(strip(obj))
        case "yaml":
            from kubepy.kubectl.printers import yaml

            return lambda obj: yaml.render(strip(obj))
        case "name":
            return lambda obj: "".join(f"{name_of(item)}\n" for item in items_of(obj))
        case "jsonpath" | "jsonpath-as-json" | "jsonpath-file":
            from kubepy.kubectl.printers import jsonpath

            return jsonpath.renderer(kind, argument, values.on("allow-missing-template-keys"))
        case "custom-columns" | "custom-columns-file":
            from kubepy.kubectl.printers import custom_columns

            headers = not (values.has("no-headers") and values.on("no-headers"))
            return custom_columns.renderer(kind, argument, headers=headers)
    raise CommandError(
        f'unable to match a printer suitable for the output format "{output}", allowed formats are: {FORMATS}'
    )


def items_of(obj: Obj) -> list[Obj]:
    """The objects in a list, or the one object."""
    items = obj.get("items")
    if isinstance(items, list) and str(obj.get("kind", "")).endswith("List"):
        return items
    return [obj]


def name_of(obj: Obj) -> str:
    """`deployment.apps/web`."""
    kind = str(obj.get("kind") or "<unknown>").lower()
    api_version = str(obj.get("apiVersion") or "")
    group = api_version.partition("/")[0] if "/" in api_version else ""
    name = (obj.get("metadata") or {}).get("name") or ""
    return f"{kind}.{group}/{name}" if group else f"{kind}/{name}"


def without_managed_fields(obj: Obj) -> Obj:
    """The object (or list of objects) as people want to read it."""
    if "items" in obj and isinstance(obj["items"], list):
        return obj | {"items": [without_managed_fields(item) for item in obj["items"]]}
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return obj
    return obj | {"metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
