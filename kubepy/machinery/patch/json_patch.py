"""JSON patch (RFC 6902) with JSON pointers (RFC 6901)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.patch import PatchError

_MISSING = object()
_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


def apply(doc: Any, operations: Sequence[Obj]) -> Any:
    """Return the document after all operations; PatchError when one is malformed or does not apply."""
    root = {"": deep_copy(doc)}
    for operation in operations:
        _apply_one(root, operation)
    return root[""]


def _apply_one(root: Obj, operation: Obj) -> None:
    if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
        raise PatchError("Missing operation")
    name = operation["op"]
    if name not in _OPERATIONS:
        raise PatchError(f"Unexpected kind: {name}")
    path = operation.get("path")
    if not isinstance(path, str):
        raise PatchError(f"{name} operation: missing path field")
    if name in ("add", "replace", "test") and "value" not in operation:
        raise PatchError(f"{name} operation does not apply: missing value field")
    match name:
        case "add":
            _add(root, path, deep_copy(operation["value"]), name)
        case "remove":
            _remove(root, path, name)
        case "replace":
            _replace(root, path, deep_copy(operation["value"]), name)
        case "test":
            value = _find(root, path)
            if value is _MISSING:
                value = None
            if not _equal(value, operation["value"]):
                raise PatchError(f"testing value {path} failed: test failed")
        case "move" | "copy":
            source = operation.get("from")
            if not isinstance(source, str):
                raise PatchError(f"{name} operation: missing from field")
            if name == "move":
                if path.startswith(f"{source}/"):
                    raise PatchError(f"move operation does not apply: {path} lies within {source}")
                value = _get(root, source, name)
                _remove(root, source, name)
            else:
                value = deep_copy(_get(root, source, name))
            _add(root, path, value, name)


def _tokens(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise PatchError(f"invalid JSON pointer: {path!r}")
    # The document is held as the value of "" so that the whole of it can be replaced too.
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")]


def _index(token: str, length: int) -> int | None:
    """Return a list index below `length`; Kubernetes' library also takes negative ones from the end."""
    digits = token.removeprefix("-")
    if not digits.isdigit() or (len(digits) > 1 and digits[0] == "0"):
        return None
    index = int(token)
    if index < 0:
        index += length
    return index if 0 <= index < length else None


def _child(container: Any, token: str) -> Any:
    if isinstance(container, dict):
        return container.get(token, _MISSING)
    if isinstance(container, list):
        index = _index(token, len(container))
        return _MISSING if index is None else container[index]
    return _MISSING


def _find(root: Obj, path: str) -> Any:
    value: Any = root
    for token in _tokens(path):
        value = _child(value, token)
        if value is _MISSING:
            break
    return value


def _get(root: Obj, path: str, name: str) -> Any:
    value = _find(root, path)
    if value is _MISSING:
        raise PatchError(f'{name} operation does not apply: doc is missing path: "{path}": missing value')
    return value


def _parent(root: Obj, path: str, name: str) -> tuple[Any, str]:
    *parents, last = _tokens(path)
    value: Any = root
    for token in parents:
        value = _child(value, token)
        if not isinstance(value, dict | list):
            raise PatchError(f'{name} operation does not apply: doc is missing path: "{path}": missing value')
    return value, last


def _add(root: Obj, path: str, value: Any, name: str) -> None:
    container, token = _parent(root, path, name)
    if isinstance(container, dict):
        container[token] = value
    elif token == "-":
        container.append(value)
    else:
        index = _index(token, len(container) + 1)
        if index is None:
            raise PatchError(
                f"{name} operation does not apply: Unable to access invalid index: {token}: "
                "invalid index referenced"
            )
        container.insert(index, value)


def _replace(root: Obj, path: str, value: Any, name: str) -> None:
    container, token = _parent(root, path, name)
    if isinstance(container, dict):
        # Kubernetes' library lets a replace add an absent key, against the RFC; clients rely on it.
        container[token] = value
    else:
        _get(root, path, name)
        container[int(token)] = value


def _remove(root: Obj, path: str, name: str) -> None:
    _get(root, path, name)
    container, token = _parent(root, path, name)
    if isinstance(container, dict):
        del container[token]
    else:
        del container[int(token)]


def _equal(a: Any, b: Any) -> bool:
    """Compare as JSON does: true is not 1, but 1 equals 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)
