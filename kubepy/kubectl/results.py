"""What commands that change something print: `deployment.apps/web created`, or the object with -o."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.kubectl.failures import CommandError
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.discovery import Mapping
    from kubepy.kubectl.session import Session


def dry_run(session: Session) -> str:
    """The value of --dry-run: "none", "client" or "server"."""
    if not session.values.has("dry-run"):
        return "none"
    text = session.values.text("dry-run")
    if text == "unchanged":
        session.tell("W --dry-run is deprecated and can be replaced with --dry-run=client.")
        return "client"
    if text not in ("none", "client", "server"):
        raise CommandError(
            f'Invalid dry-run value ({text}). Must be "none", "server", or "client".',
        )
    return text


def dry_run_params(session: Session) -> dict[str, str]:
    """The query parameter of a server-side dry run."""
    return {"dryRun": "All"} if dry_run(session) == "server" else {}


def write_params(session: Session) -> dict[str, str]:
    """The query parameters of a write: field manager, validation, dry run."""
    params = dry_run_params(session)
    values = session.values
    if values.has("field-manager") and values.text("field-manager"):
        params["fieldManager"] = values.text("field-manager")
    if values.has("validate"):
        params["fieldValidation"] = validation(values.text("validate"))
    return params


def validation(text: str) -> str:
    """The fieldValidation that --validate means."""
    match text:
        case "" | "true" | "strict":
            return "Strict"
        case "warn":
            return "Warn"
        case "false" | "ignore":
            return "Ignore"
    raise CommandError(
        f'invalid - validate option "{text}"; must be one of: strict (or true), warn, ignore (or false)'
    )


def operation(session: Session, verb: str) -> str:
    """`created`, with what kind of dry run it was."""
    return verb + {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run(session), "")


class Reporter:
    """Prints each object's outcome; YAML documents after the first are set apart."""

    def __init__(self, session: Session) -> None:
        from kubepy.kubectl import printers

        self._session = session
        output = session.values.text("output") if session.values.has("output") else ""
        self._render: Callable[[Obj], str] | None = printers.renderer(session.values) if output else None
        self._separate = output == "yaml"
        self._count = 0

    @property
    def prints_objects(self) -> bool:
        return self._render is not None

    def report(self, mapping: Mapping, obj: Obj, verb: str) -> None:
        """Tell that `verb` ("created") happened to the object."""
        if self._render is None:
            self._session.print(f"{mapping.display}/{meta.name(obj)} {operation(self._session, verb)}")
        else:
            self.show({"apiVersion": mapping.gvr.api_version, "kind": mapping.kind} | obj)

    def show(self, obj: Obj) -> None:
        """Print the object in the output format."""
        if self._render is None:
            return
        if self._separate and self._count:
            self._session.print("---")
        self._count += 1
        self._session.print(self._render(obj), end="")
