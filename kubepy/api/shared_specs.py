"""Specs that many new pods share: a controller's pods differ in their names and little else.

What decoding and defaulting have once made of a spec is not made again for the pods that follow. They get the
same dict, and whoever wants to change it takes a copy first.
"""

from __future__ import annotations

from typing import cast

import orjson

from kubepy.api.qos import qos_class
from kubepy.machinery.meta import Obj
from kubepy.util.memo import Memo

_LARGEST = 16 * 1024
_SIZE = 128


class SharedSpec:
    """A spec that is ready for the next step of a create, also as JSON."""

    __slots__ = ("_qos_class", "_spec", "json")

    def __init__(self, spec: Obj, *, kept: bool = False) -> None:
        """`kept`: the dict itself may be shared."""
        self.json = orjson.dumps(spec)
        self._spec = spec if kept else None
        self._qos_class = ""

    @property
    def spec(self) -> Obj:
        """The dict that pods share: not to be changed."""
        if self._spec is None:  # many a spec is never seen a second time
            self._spec = orjson.loads(self.json)
        return self._spec

    @property
    def qos_class(self) -> str:
        """The class of the pods."""
        if not self._qos_class:
            self._qos_class = qos_class({"spec": self.spec})
        return self._qos_class

    def is_of(self, spec: Obj) -> bool:
        """True for the shared dict."""
        return spec is self._spec

    def unshared(self, spec: Obj) -> Obj:
        """A pod's spec as a dict of its own: `spec` itself unless it is the shared one."""
        return cast(Obj, orjson.loads(self.json)) if spec is self._spec else spec


class SharedSpecs:
    """Decoded and defaulted specs, by what clients sent."""

    def __init__(self) -> None:
        self._known: Memo[bytes, SharedSpec] = Memo(_SIZE)

    @staticmethod
    def key(pod: Obj) -> bytes | None:
        """What stands for the spec that a client sent; None when it is not to be remembered."""
        spec = pod.get("spec")
        if type(spec) is not dict:
            return None
        key = orjson.dumps(spec)
        return key if len(key) <= _LARGEST else None

    def get(self, key: bytes | None) -> SharedSpec | None:
        """What became of the spec; None when that is not known."""
        return None if key is None else self._known.get(key)

    def remember(self, key: bytes, spec: Obj) -> SharedSpec:
        """This became of the spec."""
        made = self._known[key] = SharedSpec(spec)
        return made
