"""kubectl cordon and kubectl uncordon."""

from __future__ import annotations

from functools import partial

from kubepy.kubectl import builder, results
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import UsageError
from kubepy.kubectl.session import Session


async def run(wanted: bool, session: Session, words: list[str]) -> int | None:
    if not words and not builder.selectors(session):
        raise UsageError(f"USAGE: {session.command} NODE [flags]")
    infos, failures, _ = await builder.read(session, ["nodes", *words])
    for info in infos:
        changed = await mark(session, info, wanted)
        verb = "cordoned" if wanted else "uncordoned"
        text = results.operation(session, verb if changed else f"already {verb}")
        session.print(f"node/{info.name} {text}")
    builder.raise_failures(failures)
    return None


async def mark(session: Session, info: Info, wanted: bool) -> bool:
    """Make the node (un)schedulable; False when it was so already."""
    if bool((info.obj.get("spec") or {}).get("unschedulable")) == wanted:
        return False
    if results.dry_run(session) != "client":
        await session.request(
            "PATCH",
            info.path,
            params=results.dry_run_params(session),
            body={"spec": {"unschedulable": wanted or None}},
            content_type="application/strategic-merge-patch+json",
        )
    return True


_FLAGS = (base.SELECTOR, base.DRY_RUN)
CORDON = Command(
    "cordon", "Mark node as unschedulable", "kubectl cordon NODE [options]", _FLAGS, partial(run, True)
)
UNCORDON = Command(
    "uncordon", "Mark node as schedulable", "kubectl uncordon NODE [options]", _FLAGS, partial(run, False)
)
