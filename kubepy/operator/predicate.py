"""Which changes are worth a reconcile.

A predicate gets ("add", None, obj), ("update", old, new) or ("delete", obj, None).
"""

from collections.abc import Callable
from typing import Literal

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

EventType = Literal["add", "update", "delete"]
Predicate = Callable[[EventType, Obj | None, Obj | None], bool]


def generation_changed(event: EventType, old: Obj | None, new: Obj | None) -> bool:
    """Not updates that leave metadata.generation as it is (of status or metadata)."""
    return old is None or new is None or meta.generation(old) != meta.generation(new)


def labels_changed(event: EventType, old: Obj | None, new: Obj | None) -> bool:
    """Not updates that leave the labels as they are."""
    return old is None or new is None or meta.labels(old) != meta.labels(new)


def annotations_changed(event: EventType, old: Obj | None, new: Obj | None) -> bool:
    """Not updates that leave the annotations as they are."""
    return old is None or new is None or meta.annotations(old) != meta.annotations(new)


def deletion_requested(event: EventType, old: Obj | None, new: Obj | None) -> bool:
    """Updates with which the object began to terminate, and objects first seen terminating."""
    return new is not None and meta.is_terminating(new) and (old is None or not meta.is_terminating(old))


def matching(test: Callable[[Obj], bool]) -> Predicate:
    """Changes of objects for which `test` holds, before or after."""
    return lambda event, old, new: any(obj is not None and test(obj) for obj in (old, new))


def any_of(*predicates: Predicate) -> Predicate:
    return lambda event, old, new: any(check(event, old, new) for check in predicates)


def all_of(*predicates: Predicate) -> Predicate:
    return lambda event, old, new: all(check(event, old, new) for check in predicates)


def negate(predicate: Predicate) -> Predicate:
    return lambda event, old, new: not predicate(event, old, new)
