"""Write controllers: say what to watch and how to reconcile, the rest is here.

    manager = Manager(client)
    manager.add(Controller("web", reconcile).for_(WEBS).owns(DEPLOYMENTS, owner_kind=WEB))
    await manager.run()

`Manager` runs `Controller`s over shared informers; a controller turns changes (`source`), filtered by
predicates (`predicate`), into `Request`s, and reconciles each, one at a time per
object. kubepy's own controllers are built of this. This package may import `informer` and below; it knows
no kind.
"""

from kubepy.operator import finalizer, predicate
from kubepy.operator.controller import Controller
from kubepy.operator.manager import Manager
from kubepy.operator.predicate import Predicate
from kubepy.operator.reconcile import Reconciler, Request, Result
from kubepy.operator.source import Source

__all__ = [
    "Controller",
    "Manager",
    "Predicate",
    "Reconciler",
    "Request",
    "Result",
    "Source",
    "finalizer",
    "predicate",
]
