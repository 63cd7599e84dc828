"""kubectl api-versions."""

from __future__ import annotations

from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.session import Session


async def run(session: Session, words: list[str]) -> int | None:
    await session.discovery.mappings()
    for version in sorted(set(session.discovery.api_versions)):
        session.print(version)
    return None


COMMAND = Command(
    "api-versions",
    'Print the supported API versions on the server, in the form of "group/version"',
    "kubectl api-versions",
    (),
    run,
)
