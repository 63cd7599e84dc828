"""On kubepy.operator, with as many workers as its client has requests in flight.

A server that writes together what comes together has the more of them for one turn of the disk.
"""

import sys

from bench.operators import GROUP, PLURAL, VERSION
from kubepy.client.transport import MAX_IN_FLIGHT
from kubepy.machinery.gvk import GVR
from kubepy.operator import Controller, Manager, Request, Status, predicate, run

WIDGETS = GVR(GROUP, VERSION, PLURAL)


async def setup(manager: Manager) -> None:
    """One controller of Widgets."""
    widgets = manager.lister(WIDGETS, namespace=sys.argv[1])

    async def reconcile(request: Request) -> None:
        widget = widgets.get(request.name, request.namespace)
        if widget is None:
            return
        status = Status(widget, manager.clock)
        status["seen"] = widget["spec"]["size"]
        await status.write(manager.client, WIDGETS, observed_generation=False)

    controller = Controller("widgets", reconcile, workers=MAX_IN_FLIGHT)
    manager.add(controller.for_(WIDGETS, predicate.generation_changed, namespace=sys.argv[1]))


if __name__ == "__main__":
    sys.exit(run(setup, name="widgets", log_level="warning"))
