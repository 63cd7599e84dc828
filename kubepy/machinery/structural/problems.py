"""What is wrong with a value, before it is known where the value is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from kubepy.machinery.field_errors import Cause

Render = Callable[[str], Cause]
"""Makes the cause, given the whole path: sentences of OpenAPI validation repeat it."""


class Problem(NamedTuple):
    """A broken rule at a path from the value on: ".spec.x", "[0]", "" for the value itself."""

    path: str
    render: Render

    def cause(self, root: str = "") -> Cause:
        """The cause, for a value at `root`."""
        return self.render(f"{root}{self.path}".removeprefix("."))


Problems = list[Problem]
NONE: Final[Problems] = []
"""Shared by everything that is well; never appended to."""
