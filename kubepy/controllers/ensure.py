"""Creating what may be there already, in a namespace that may go."""

from __future__ import annotations

from kubepy.client import Client
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


async def ensure(client: Client, gvr: GVR, obj: Obj) -> None:
    """Create ``obj`` unless it exists or its namespace is going away."""
    try:
        await client.create(gvr, obj, namespace=meta.namespace(obj))
    except StatusError as error:
        going = errors.is_not_found(error) or (errors.is_forbidden(error) and "terminated" in error.message)
        if not (errors.is_already_exists(error) or going):
            raise
