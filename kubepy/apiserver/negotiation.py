"""Which representation a client wants (Accept), and which one it sent (Content-Type)."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import orjson
import yaml

from kubepy.api import protobuf
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK

JSON = "application/json"
YAML = "application/yaml"
_READABLE = (JSON, YAML)
_META_VERSIONS = ("v1", "v1beta1")
_ALIASED_NODES = 100_000
_PRETTY_AGENTS = ("curl", "Wget", "Mozilla/5.0")


class Representation(NamedTuple):
    """A media type and, with `as_kind`, the meta.k8s.io kind that stands in for the object's own."""

    media_type: str = JSON
    as_kind: str = ""
    as_version: str = ""


AS_STORED = Representation()
"""JSON, and the object's own kind."""


@functools.lru_cache(maxsize=512)
def accepted(accept: str, as_kinds: tuple[str, ...] = ()) -> Representation:
    """The first of the client's choices that can be served, protobuf only when no other is. Raises 406."""
    if not accept:
        return AS_STORED
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        options = dict(p.split("=", 1) for p in parameters if "=" in p)
        if media in ("*/*", "application/*"):
            media = JSON
        if media == "text/yaml":
            media = YAML
        if media not in _READABLE:
            continue
        as_kind = options.get("as", "")
        if not as_kind:
            return Representation(media)
        if as_kind in as_kinds and options.get("g") == "meta.k8s.io" and options.get("v") in _META_VERSIONS:
            return Representation(media, as_kind, options["v"])
    if _accepts_protobuf(accept):
        return Representation(protobuf.MEDIA_TYPE)
    raise errors.not_acceptable(_READABLE)


def _accepts_protobuf(accept: str) -> bool:
    """Protobuf is for those who read nothing else: JSON's bytes are there already."""
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        if media == protobuf.MEDIA_TYPE and not any(p.startswith("as=") for p in parameters):
            return True
    return False


def wants_pretty(context: Context) -> bool:
    """True when asked for by ?pretty, and without it for people's own programs."""
    wanted = context.query.optional_flag("pretty")
    if wanted is not None:
        return wanted
    return context.headers.get("User-Agent", "").startswith(_PRETTY_AGENTS)


def serialize(obj: Any, representation: Representation, *, pretty: bool) -> bytes:
    """An object as bytes of the wanted media type."""
    if representation.media_type == protobuf.MEDIA_TYPE:
        if not protobuf.encodes(GVK.of(obj)):
            raise errors.not_acceptable(_READABLE)
        return protobuf.encode_object(obj)
    if representation.media_type == YAML:
        return yaml.dump(obj, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True).encode()
    return orjson.dumps(obj, option=orjson.OPT_INDENT_2 if pretty else None)


def reserialize(data: bytes, representation: Representation, *, pretty: bool) -> bytes:
    """JSON bytes as they are, or in the form the client wants."""
    if representation.media_type == JSON and not pretty:
        return data
    return serialize(orjson.loads(data), representation, pretty=pretty)


def parse_body(body: bytes, content_type: str) -> Any:
    """JSON or YAML into values. Raises 400 or 415."""
    media = content_type.partition(";")[0].strip().lower() or JSON
    if media in (JSON, "text/json"):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise errors.bad_request(
                f"the object provided is unrecognized (must be of type JSON): {error}"
            ) from None
    if media in (YAML, "text/yaml", "application/x-yaml"):
        try:
            # Through JSON: YAML's own types (dates) must not get into objects.
            loaded = yaml.load(body, Loader=_JSONLoader)
            if b"*" in body:
                _check_aliases(loaded, len(body))
            return orjson.loads(orjson.dumps(loaded))
        except (yaml.YAMLError, orjson.JSONEncodeError, RecursionError) as error:
            raise errors.bad_request(f"error converting YAML to JSON: {error}") from None
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode_object(body)
    raise errors.unsupported_media_type((*_READABLE, protobuf.MEDIA_TYPE))


def _check_aliases(document: Any, size: int) -> None:
    """Refuse a document that aliases blow up far beyond what was sent."""
    left = _ALIASED_NODES + 10 * size
    waiting = [document]
    while waiting:
        node = waiting.pop()
        left -= 1
        if left < 0:
            raise yaml.YAMLError("yaml: document contains excessive aliasing")
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


class _JSONLoader(yaml.CSafeLoader):
    """YAML with JSON's types only: a date stays a string."""


_JSONLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
