"""Taking over an object that somebody outside has changed."""

from __future__ import annotations

from kubepy.api.scheme import SCHEME
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def settle(attributes: Attributes, obj: Obj) -> None:
    """Fit a changed object into its kind, default it, and let it be the write's object. Raises 500."""
    try:
        if GVK.of(obj) == attributes.resource.gvk:
            attributes.kind.decode(obj)
            attributes.kind.default(obj)
        else:
            SCHEME.decode(GVK.of(obj), obj)
    except (errors.StatusError, KeyError) as error:
        message = error.message if isinstance(error, errors.StatusError) else str(error)
        raise errors.internal_error(message) from None
    attributes.obj = obj
