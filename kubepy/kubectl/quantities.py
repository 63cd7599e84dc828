"""Numbers of bytes on the command line."""

from __future__ import annotations

from kubepy.kubectl.failures import CommandError
from kubepy.machinery.quantity import Quantity


def byte_count(text: str) -> int:
    """`1024` or `1Ki`. Raises CommandError."""
    try:
        return Quantity.parse(text).value()
    except ValueError as error:
        raise CommandError(str(error)) from None
