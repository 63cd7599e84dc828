"""On kubepy.operator."""

import sys

from bench.operators import GROUP, PLURAL, VERSION
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

    controller = Controller("widgets", reconcile, workers=16)
    manager.add(controller.for_(WIDGETS, predicate.generation_changed, namespace=sys.argv[1]))


if __name__ == "__main__":
    sys.exit(run(setup, name="widgets", log_level="warning"))
