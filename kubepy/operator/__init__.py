"""Write operators: say what to watch and how to reconcile, the rest is here.

    async def setup(manager: Manager) -> None:
        manager.add(Controller("web", WebReconciler(manager)).for_(WEBS).owns(DEPLOYMENTS, owner_kind=WEB))

    sys.exit(run(setup, name="web-operator"))

`Manager` runs `Controller`s over shared informers; a controller turns changes (`source`), filtered by
predicates (`predicate`), into `Request`s, and reconciles each, one at a time per object. `Applier`, `Status`,
`owner` and `finalizer` write what a reconciler decides; `crd` makes definitions of Python classes, `webhook`
serves admission and conversion. kubepy's own controllers are built of this. Works against any Kubernetes.

This package may import `informer` and below, and aiohttp in `serving` alone; it knows no kind.
"""

from kubepy.operator import finalizer, owner, predicate
from kubepy.operator.apply import Applier
from kubepy.operator.controller import Controller
from kubepy.operator.manager import Manager
from kubepy.operator.predicate import Predicate
from kubepy.operator.reconcile import Reconciler, ReconcilerObject, Request, Result, TerminalError
from kubepy.operator.running import elector, run, serve
from kubepy.operator.source import Source
from kubepy.operator.status import Status

__all__ = [
    "Applier",
    "Controller",
    "Manager",
    "Predicate",
    "Reconciler",
    "ReconcilerObject",
    "Request",
    "Result",
    "Source",
    "Status",
    "TerminalError",
    "elector",
    "finalizer",
    "owner",
    "predicate",
    "run",
    "serve",
]
