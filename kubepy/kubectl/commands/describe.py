"""kubectl describe."""

from __future__ import annotations

from kubepy.kubectl import builder, describers
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError

REQUIRED = (
    'You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of '
    "supported resources."
)


async def run(session: Session, words: list[str]) -> int | None:
    if not words and not session.values.many("filename"):
        raise CommandError(REQUIRED)
    infos, failures, _ = await builder.read(session, words)
    matched = False
    named = len(words) == 2 and "/" not in words[0]
    if failures and named and (by_prefix := await _by_prefix(session, words[0], words[1])):
        infos, failures, matched = by_prefix, [], True
    first = True
    for info in infos:
        describe = describers.find(info.mapping.gvk.gk)
        try:
            text = await describe(session, info)
        except StatusError as error:
            failures.append(error)
            continue
        # Objects that only match a prefix are set apart by one line less.
        session.print(f"{text}\n" if matched else text if first else f"\n\n{text}", end="")
        first = False
    if not infos and not failures:
        where = "" if builder.all_namespaces(session) else f" in {session.namespace} namespace."
        session.tell(f"No resources found{where}")
    builder.raise_failures(failures)
    return None


async def _by_prefix(session: Session, word: str, prefix: str) -> list[Info]:
    """`describe pod web` means all pods whose names begin so, where none is called just that."""
    found: list[Info] = []
    for target in await builder.targets(session, [word]):
        try:
            listed = await builder.collection(session, target.mapping)
        except StatusError as error:
            if not errors.is_forbidden(error):
                raise
            continue
        found += [info for info in listed if info.name.startswith(prefix)]
    return found


COMMAND = Command(
    "describe",
    "Show details of a specific resource or group of resources",
    "kubectl describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME) [options]",
    (
        *base.FILES,
        base.SELECTOR,
        base.ALL_NAMESPACES,
        Flag("chunk-size", "int", default=500, help="Return large lists in chunks rather than all at once."),
        Flag(
            "show-events",
            "bool",
            default=True,
            help="If true, display events related to the described object.",
        ),
    ),
    run,
    examples="""
        # Describe a node
        kubectl describe nodes kubernetes-node-emt8.c.myproject.internal

        # Describe a pod
        kubectl describe pods/nginx

        # Describe all pods
        kubectl describe pods
    """,
)
