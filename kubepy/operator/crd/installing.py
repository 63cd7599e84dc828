"""Putting definitions on a server."""

from kubepy.client import Client
from kubepy.machinery import conditions
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator.crd.definition import CustomResource

CRDS = GVR("apiextensions.k8s.io", "v1", "customresourcedefinitions")
POLL = 0.05


class NotEstablished(TimeoutError):
    """The server does not serve a definition in time; the message says why as far as it is known."""


async def install(
    client: Client,
    *resources: CustomResource,
    conversion: Obj | None = None,
    field_manager: str = "kubepy-operator",
    timeout: float = 30.0,
) -> None:
    """Apply the definitions and wait until the server serves them. Raises StatusError and NotEstablished."""
    for resource in resources:
        definition = resource.definition(conversion=conversion)
        await client.patch(
            CRDS, resource.name, definition, type="apply", field_manager=field_manager, force=True
        )
    deadline = client.clock.monotonic() + timeout
    for resource in resources:
        await _established(client, resource.name, deadline)


async def _established(client: Client, name: str, deadline: float) -> None:
    while True:
        found = await client.get(CRDS, name)
        if conditions.is_true(found, "Established"):
            return
        if client.clock.monotonic() > deadline:
            known = (found.get("status") or {}).get("conditions") or []
            told = "; ".join(f"{c['type']}={c['status']}: {c.get('message', '')}" for c in known)
            raise NotEstablished(f"{name} is not established: {told or 'no conditions'}")
        await client.clock.sleep(POLL)
