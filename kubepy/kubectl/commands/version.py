"""kubectl version."""

from __future__ import annotations

import platform

from kubepy.api.schemas import VERSION
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery.meta import Obj

KUSTOMIZE = "not included"


async def run(session: Session, words: list[str]) -> int | None:
    client = {
        "gitVersion": VERSION,
        "platform": f"{platform.system().lower()}/{platform.machine()}",
        "pythonVersion": platform.python_version(),
    }
    found: Obj = {"clientVersion": client, "kustomizeVersion": KUSTOMIZE}
    if not session.values.on("client"):
        found["serverVersion"] = await session.request("GET", "/version")
    match session.values.text("output"):
        case "":
            session.print(f"Client Version: {VERSION}\nKustomize Version: {KUSTOMIZE}")
            if "serverVersion" in found:
                session.print(f"Server Version: {found['serverVersion'].get('gitVersion')}")
        case "json":
            from kubepy.kubectl.printers import json

            session.print(json.render(found), end="")
        case "yaml":
            from kubepy.kubectl.printers import yaml

            session.print(yaml.render(found), end="")
        case _:
            raise CommandError("--output must be 'yaml' or 'json'")
    return None


COMMAND = Command(
    "version",
    "Print the client and server version information",
    "kubectl version [options]",
    (
        Flag("client", "bool", help="If true, shows client version only (no server required)."),
        Flag("output", short="o", help="One of 'yaml' or 'json'."),
    ),
    run,
)
