"""Objects as bytes: how they rest in the storage and how a resourceVersion gets into them without parsing.

The resourceVersion is the storage's revision, which is known only after the write. So an object rests without
it, with kind, apiVersion and metadata in front, and reading it puts the revision in by joining bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from kubepy.machinery.meta import Obj

_METADATA = b'"metadata":{'


def encode(obj: Obj) -> bytes:
    """The bytes to store: kind, apiVersion, metadata first; no resourceVersion."""
    metadata = obj["metadata"]
    ordered = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata, **obj}
    if "resourceVersion" in metadata:
        ordered["metadata"] = {k: v for k, v in metadata.items() if k != "resourceVersion"}
    return orjson.dumps(ordered)


def with_revision(stored: bytes, revision: int) -> bytes:
    """Stored bytes as the API shows them. The metadata always holds a name, so a comma follows."""
    at = stored.index(_METADATA) + len(_METADATA)
    return b'%b"resourceVersion":"%d",%b' % (stored[:at], revision, stored[at:])


def replace_revision(data: bytes, revision: int) -> bytes:
    """API bytes (made by `with_revision`) with another resourceVersion."""
    at = data.index(_METADATA) + len(_METADATA)
    end = data.index(b",", at)
    return b'%b"resourceVersion":"%d"%b' % (data[:at], revision, data[end:])


def chunk(payload: bytes) -> bytes:
    """One chunk of HTTP's chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


Framer = Callable[[str, bytes], bytes]
"""A watch event on the wire, of its type and the object's bytes."""


def json_event(event_type: str, data: bytes) -> bytes:
    """One watch event as a line of JSON."""
    return b'{"type":"%b","object":%b}\n' % (event_type.encode(), data)
