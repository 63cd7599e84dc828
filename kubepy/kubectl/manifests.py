"""Reading manifests: files, folders, stdin; YAML (as Go's decoder reads it) and JSON; Lists taken apart."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kubepy.kubectl.failures import CommandError
from kubepy.machinery.meta import Obj

try:
    from yaml import CSafeLoader as _Base
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as _Base  # type: ignore[assignment]

EXTENSIONS = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object as written, and where."""

    obj: Obj
    source: str


class _Loader(_Base):
    # Go leaves times and base-60 numbers strings, and knows y and n.
    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in (
    (
        "bool",
        r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        "yYnNtTfFoO",
    ),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]*|[1-9][0-9_]*|0x[0-9a-fA-F_]+)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _construct_bool(loader: Any, node: Any) -> bool:
    return str(loader.construct_scalar(node)).lower() in ("y", "yes", "true", "on")


def _construct_int(loader: Any, node: Any) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    digits = text.lstrip("+-")
    if digits[:2].lower() in ("0x", "0b", "0o"):
        return int(text, 0)
    return int(text, 8 if digits.startswith("0") and len(digits) > 1 else 10)


def _construct_float(loader: Any, node: Any) -> float:
    return float(str(loader.construct_scalar(node)).replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:bool", _construct_bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def parse(text: str, source: str) -> list[Obj]:
    """The objects of a file. Raises CommandError that names the source."""
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise CommandError(
            f"error parsing {source}: error converting YAML to JSON: {_describe(error)}"
        ) from None
    objects: list[Obj] = []
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise CommandError(
                f'error validating "{source}": error validating data: invalid object to validate'
            )
        objects += _taken_apart(document)
    return objects


def load_value(text: str) -> Any:
    """One YAML or JSON value, a patch for example; ValueError when it is neither."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(_describe(error)) from None


def read(names: list[str], *, recursive: bool = False, verify: bool = True) -> list[Manifest]:
    """The objects of `-f` arguments in order; folders by file name."""
    found: list[Manifest] = []
    for name in names:
        for source, text in _texts(name, recursive):
            for obj in parse(text, source):
                if verify:
                    _verify(obj, source)
                found.append(Manifest(obj, source))
    return found


def _texts(name: str, recursive: bool) -> Iterator[tuple[str, str]]:
    if name == "-":
        yield "STDIN", sys.stdin.read()
        return
    if name.startswith(("http://", "https://")):
        raise CommandError(f"unable to read URL {name!r}: download the file and pass its path")
    paths = [name]
    if any(character in name for character in "*?[") and not Path(name).exists():
        paths = sorted(str(path) for path in Path().glob(name)) if not Path(name).is_absolute() else []
        if not paths:
            raise CommandError(f'the path "{name}" does not exist')
    for path in map(Path, paths):
        if path.is_dir():
            for file in _files(path, recursive):
                yield str(file), _read(file)
        elif not path.exists():
            raise CommandError(f'the path "{name}" does not exist')
        else:
            yield str(path), _read(path)


def _files(folder: Path, recursive: bool) -> list[Path]:
    files: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if recursive:
                files += _files(entry, recursive)
        elif entry.suffix in EXTENSIONS:
            files.append(entry)
    return files


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"unable to read {path}: {error}") from None


def _taken_apart(document: Obj) -> list[Obj]:
    kind = document.get("kind") or ""
    items = document.get("items")
    if kind.endswith("List") and isinstance(items, list):
        inner = kind.removesuffix("List")
        parts: list[Obj] = []
        for item in items:
            named = item if item.get("kind") or not inner else item | {"kind": inner}
            if not named.get("apiVersion") and inner:
                named = named | {"apiVersion": document.get("apiVersion")}
            parts += _taken_apart(named)
        return parts
    return [document]


def _verify(obj: Obj, source: str) -> None:
    missing = [f"{field} not set" for field in ("apiVersion", "kind") if not obj.get(field)]
    if missing:
        listed = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
        raise CommandError(
            f'error validating "{source}": error validating data: {listed}; if you choose to ignore these '
            "errors, turn validation off with --validate=false"
        )


def _describe(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"yaml: line {mark.line + 1}: {problem}" if mark is not None else f"yaml: {problem}"
