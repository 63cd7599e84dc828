"""The macros that run an expression for every item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubepy.machinery.cel.access import CONVERTERS, Frame, Run
from kubepy.machinery.cel.errors import CostExceeded, EvaluationError
from kubepy.machinery.cel.operators import sort_by
from kubepy.machinery.cel.types import Type

Steps = Callable[[Frame], Iterator[None]]


def comprehension(macro: str, source: Run, slots: list[int], types: list[Type], bodies: list[Run]) -> Run:
    """The loop of a macro; `slots` take the iteration variables, whose static types are `types`."""
    steps = _two(source, slots, types) if len(slots) == 2 else _one(source, slots[0], types[0])
    match macro:
        case "all":
            return _decided(steps, bodies[0], by=False)
        case "exists":
            return _decided(steps, bodies[0], by=True)
        case "exists_one":
            return _exists_one(steps, bodies[0])
        case "filter":
            return _filter(steps, slots[0], bodies[0])
        case "sortBy":
            return _sort_by(steps, slots[0], bodies[0])
        case "map" | "transformList":
            return _map(steps, bodies)
        case "transformMap":
            return _transform_map(steps, slots[0], bodies)
        case _:
            return _transform_entries(steps, bodies)


def _one(source: Run, slot: int, type: Type) -> Steps:
    convert = CONVERTERS.get(type.name)

    def steps(frame: Frame) -> Iterator[None]:
        value = source(frame)
        if not isinstance(value, list | Mapping):
            raise EvaluationError("no such overload")
        for item in value:
            frame[slot] = item if convert is None else convert(item)
            yield

    return steps


def _two(source: Run, slots: list[int], types: list[Type]) -> Steps:
    first, second = slots
    convert = CONVERTERS.get(types[1].name)

    def steps(frame: Frame) -> Iterator[None]:
        value = source(frame)
        if isinstance(value, list):
            pairs: Any = enumerate(value)
        elif isinstance(value, Mapping):
            pairs = value.items()
        else:
            raise EvaluationError("no such overload")
        for key, item in pairs:
            frame[first] = key
            frame[second] = item if convert is None else convert(item)
            yield

    return steps


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise EvaluationError("no such overload")


def _decided(steps: Steps, body: Run, *, by: bool) -> Run:
    """One item decides, whatever errors the others have."""

    def run(frame: Frame) -> Any:
        failed: EvaluationError | None = None
        for _ in steps(frame):
            try:
                if _truth(body(frame)) is by:
                    return by
            except CostExceeded:
                raise
            except EvaluationError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return not by

    return run


def _exists_one(steps: Steps, body: Run) -> Run:
    return lambda frame: sum(_truth(body(frame)) for _ in steps(frame)) == 1


def _filter(steps: Steps, slot: int, body: Run) -> Run:
    return lambda frame: [frame[slot] for _ in steps(frame) if _truth(body(frame))]


def _map(steps: Steps, bodies: list[Run]) -> Run:
    body = bodies[-1]
    if len(bodies) == 1:
        return lambda frame: [body(frame) for _ in steps(frame)]
    condition = bodies[0]
    return lambda frame: [body(frame) for _ in steps(frame) if _truth(condition(frame))]


def _sort_by(steps: Steps, slot: int, body: Run) -> Run:
    def run(frame: Frame) -> Any:
        pairs = [(frame[slot], body(frame)) for _ in steps(frame)]
        frame[0].charge(len(pairs) ** 2)
        return sort_by([item for item, _ in pairs], [key for _, key in pairs])

    return run


def _transform_map(steps: Steps, key: int, bodies: list[Run]) -> Run:
    condition = bodies[0] if len(bodies) == 2 else None
    body = bodies[-1]

    def run(frame: Frame) -> Any:
        result = {}
        for _ in steps(frame):
            if condition is None or _truth(condition(frame)):
                result[frame[key]] = body(frame)
        return result

    return run


def _transform_entries(steps: Steps, bodies: list[Run]) -> Run:
    condition = bodies[0] if len(bodies) == 2 else None
    body = bodies[-1]

    def run(frame: Frame) -> Any:
        result: dict[Any, Any] = {}
        for _ in steps(frame):
            if condition is None or _truth(condition(frame)):
                made = body(frame)
                if not isinstance(made, Mapping):
                    raise EvaluationError("no such overload")
                for key, value in made.items():
                    insert(result, key, value)
        return result

    return run


def insert(result: dict[Any, Any], key: Any, value: Any) -> None:
    """Add to a map that may hold each key once."""
    if key.__class__ not in (str, int, bool) and not isinstance(key, int):
        raise EvaluationError("unsupported key type")
    if key in result:
        raise EvaluationError(f"insert failed: key {key} already exists")
    result[key] = value
