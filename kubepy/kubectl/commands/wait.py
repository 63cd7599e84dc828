# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl wait."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.kubectl import builder, waiting
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery import conditions, meta
from kubepy.machinery.go_format import plain
from kubepy.machinery.jsonpath import JSONPathError, relaxed
from kubepy.machinery.meta import Obj

FOREVER = 7 * 24 * 3600.0


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    wanted = values.text("for")
    deleting = wanted.lower() == "delete"
    done = _condition(wanted)
    infos, failures, _ = await builder.read(session, words, require_name=True, ignore_not_found=deleting)
    if not infos and not failures and not deleting:
        raise CommandError("no matching resources found")
    timeout = values.seconds("timeout")
    seconds = FOREVER if timeout < 0 else max(timeout, 0.001)
    for info in infos:
        try:
            await _wait(session, info, wanted, done, deleting=deleting, seconds=seconds)
        except waiting.TimedOut:
            what = "timed out waiting for the condition on" if timeout else "condition not met for"
            failures.append(CommandError(f"{what} {info.mapping.gvr.resource}/{info.name}"))
            continue
        session.print(f"{info.display} condition met")
        session.out.flush()
    builder.raise_failures(failures)
    return None


async def _wait(
    session: Session, info: Info, wanted: str, done: Callable[[Obj], bool], *, deleting: bool, seconds: float
) -> None:
    if deleting:
        await waiting.until_gone(session, info, meta.uid(info.obj), timeout=seconds)
        return

    def reached(obj: Obj | None) -> bool:
        if obj is None:
            # It may come back under its name: keep looking until the time is over.
            return False
        return done(obj)

    await waiting.until(session, info, reached, timeout=seconds)


def _condition(text: str) -> Callable[[Obj], bool]:
    """The question that --for asks of an object."""
    lowered = text.lower()
    if lowered in ("delete", "create"):
        return lambda obj: True
    kind, _, rest = text.partition("=")
    if kind == "condition" and rest:
        name, _, status = rest.partition("=")
        return lambda obj: _has(obj, name, status or "true")
    if kind == "jsonpath" and rest:
        return _jsonpath(rest)
    raise CommandError(f'unrecognized condition: "{text}"')


def _has(obj: Obj, name: str, status: str) -> bool:
    for found in (obj.get("status") or {}).get("conditions") or []:
        if str(found.get("type")).lower() != name.lower():
            continue
        observed = found.get("observedGeneration") or (obj.get("status") or {}).get("observedGeneration")
        if observed and observed < meta.generation(obj):
            return False
        return str(found.get("status")).lower() == status.lower()
    return conditions.get(obj, name) is not None and status == ""


def _jsonpath(text: str) -> Callable[[Obj], bool]:
    expression, equals, value = text.rpartition("=") if not text.endswith("}") else (text, "", "")
    value = value.strip("'\"")
    try:
        path = relaxed(expression.strip("'\""))
    except JSONPathError as error:
        raise CommandError(str(error)) from None

    def matches(obj: Obj) -> bool:
        found = path.find(obj)
        if not equals:
            return bool(found)
        return any(plain(item) == value for item in found)

    return matches


COMMAND = Command(
    "wait",
    "Experimental: Wait for a specific condition on one or many resources",
    "kubectl wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]] [options]",
    (
        *base.FILES,
        *base.OUTPUT,
        base.SELECTOR,
        base.FIELD_SELECTOR,
        base.ALL_NAMESPACES,
        base.ALL,
        Flag("for", help="The condition to wait on: [create|delete|condition=condition-name[=condition-value]|jsonpath='{JSONPath expression}'=[JSONPath value]]."),
        Flag("timeout", "duration", default=30.0, help="The length of time to wait before giving up.  Zero means check once and don't wait, negative means wait for a week."),
    ),
    run,
)  # fmt: skip
