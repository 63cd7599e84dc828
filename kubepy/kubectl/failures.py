"""Errors in kubectl's sentences and with its exit codes."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

from kubepy.machinery.errors import StatusError, is_invalid


class CommandError(Exception):
    """A failure that is told as `error: MESSAGE` (or as it is, when `raw`)."""

    def __init__(self, message: str, *, code: int = 1, raw: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.raw = raw


class UsageError(Exception):
    """The command line itself is wrong; the command's name is added where it is told."""


class Failures(Exception):
    """Several failures of one command, each told on its own line."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = list(errors)


class ExitCode(Exception):
    """End with a code; whatever had to be said has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


def unique(errors: Sequence[Exception]) -> list[Exception]:
    """The errors without repetitions of the same message."""
    return list({message_of(error): error for error in reversed(errors)}.values())[::-1]


def text_of(error: Exception) -> str:
    """What kubectl writes to stderr for a failure, without the final newline."""
    match error:
        case Failures(errors=several):
            return "\n".join(_standard(item) or str(item) for item in several)
        case StatusError() if is_invalid(error):
            return _invalid(error)
        case CommandError(raw=True):
            return str(error)
    standard = _standard(error)
    if standard is not None:
        return standard
    text = str(error)
    return text if text.startswith("error: ") else f"error: {text}"


def message_of(error: Exception) -> str:
    """The failure as part of a longer text."""
    return _standard(error) or str(error)


def with_source(error: Exception, verb: str, source: str) -> Exception:
    """Name the file that was being worked on, as kubectl does: `error when creating "FILE": ...`."""
    if not source:
        return error
    text = f"error when {verb} {quoted(source)}: "
    if isinstance(error, StatusError):
        return StatusError(error.status | {"message": text + error.message})
    if isinstance(error, CommandError):
        return CommandError(text + str(error), code=error.code)
    return error


def quoted(text: str) -> str:
    """Go's %q for ordinary text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _standard(error: Exception) -> str | None:
    from kubepy.client.errors import ConnectionFailed

    if isinstance(error, StatusError):
        if error.reason == "Unauthorized":
            return f"error: You must be logged in to the server ({error.message})"
        if error.reason:
            return f"Error from server ({error.reason}): {error.message}"
        return f"Error from server: {error.message}"
    if isinstance(error, ConnectionFailed):
        cause: Any = error.__cause__
        cause = getattr(cause, "os_error", cause)
        if not error.sent and _refused(cause):
            server = getattr(error, "server", "")
            return (
                f"The connection to the server {server} was refused - did you specify the right host or port?"
            )
        return f"Unable to connect to the server: {error}"
    return None


def _refused(cause: Any) -> bool:
    if getattr(cause, "errno", None) == errno.ECONNREFUSED:
        return True
    return "Connect call failed" in str(cause) or "Connection refused" in str(cause)


def _invalid(error: StatusError) -> str:
    details = error.details
    text = "The request is invalid"
    if not details:
        return f"{text}: {error.message}" if error.message else text
    causes: list[dict[str, Any]] = details.get("causes") or []
    if details.get("kind") or details.get("name"):
        text = f"The {details.get('kind') or ''} {quoted(details.get('name') or '')} is invalid"
    elif error.message and not causes:
        text += f": {error.message}"
    lines = list(dict.fromkeys(f"{c.get('field', '')}: {c.get('message', '')}" for c in causes))
    if not lines:
        return text
    if len(lines) == 1:
        return f"{text}: {lines[0]}"
    return "\n".join([f"{text}: ", *(f"* {line}" for line in lines)])
