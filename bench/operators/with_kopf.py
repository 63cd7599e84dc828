"""On kopf, with what makes it quick: uvloop as in its own command, no events about its own work, few logs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import kopf
import uvloop

from bench.operators import GROUP, PLURAL, VERSION


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    settings.peering.standalone = True


@kopf.on.resume(GROUP, VERSION, PLURAL)
@kopf.on.create(GROUP, VERSION, PLURAL)
@kopf.on.update(GROUP, VERSION, PLURAL, field="spec.size")
async def reconcile(spec: Any, status: Any, patch: kopf.Patch, **_: Any) -> None:
    if status.get("seen") != spec["size"]:
        patch.status["seen"] = spec["size"]


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(kopf.operator(namespaces=[sys.argv[1]], standalone=True))
