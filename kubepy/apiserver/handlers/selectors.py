"""Which objects a list, watch or deletecollection means."""

from __future__ import annotations

from kubepy.apiserver.cacher import ObjectSelector
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors, fields, labels

_MAX_REVISION = 2**64 - 1


def revision(text: str) -> int:
    """A resourceVersion of the query, 0 for none. Raises 400."""
    if not text:
        return 0
    problem = "" if text.isdecimal() and text.isascii() else "invalid syntax"
    if not problem and int(text) > _MAX_REVISION:
        problem = "value out of range"
    if problem:
        detail = f'strconv.ParseUint: parsing "{text}": {problem}'
        raise errors.bad_request(f"{errors.invalid_value('', text, detail).message}")
    return int(text)


def read(context: Context, served: Served) -> ObjectSelector:
    """From labelSelector, fieldSelector and the namespace of the path. Raises 400."""
    label_text = context.query.get("labelSelector")
    field_text = context.query.get("fieldSelector")
    name = context.info.name if context.info.verb in ("watch", "list") and not field_text else ""
    if name:  # the old path /watch/pods/NAME
        field_text = f"metadata.name={name}"
    namespace = served.namespace(context)
    if not label_text and not field_text:
        return ObjectSelector(namespace)
    try:
        label_selector = labels.parse(label_text)
        field_selector = fields.parse(field_text)
    except ValueError as error:
        raise errors.bad_request(str(error)) from None
    known = served.kind.selectable_fields
    for requirement in field_selector.requirements:
        if requirement.field not in known:
            gvr = served.resource.gvr
            raise errors.bad_request(
                f'Unable to find "{gvr.group}/{gvr.version}, Resource={gvr.resource}" that match label '
                f'selector "{label_text}", field selector "{field_text}": '
                f"field label not supported: {requirement.field}"
            )
    if not namespace and served.resource.namespaced:
        namespace = field_selector.exact("metadata.namespace") or ""
    return ObjectSelector(namespace, label_selector, field_selector)
