"""Whether a type fits a parameter's, and what a signature's type parameters stand for then."""

from __future__ import annotations

from kubepy.machinery.cel.types import DYN, ERROR, NULL, ObjectType, Type, is_parameter

Bindings = dict[str, Type]
_NOT_NULLABLE = frozenset({"bool", "int", "uint", "double", "string", "bytes", "list", "map", "type"})


def fits(parameter: Type, argument: Type, bound: Bindings) -> bool:
    """True when a value of type `argument` may be given for `parameter`; binds type parameters."""
    if is_parameter(parameter):
        known = bound.get(parameter.name)
        if known is None:
            bound[parameter.name] = argument
            return True
        if fits(known, argument, {}) or fits(argument, known, {}):
            bound[parameter.name] = common(known, argument)
            return True
        return False
    if DYN in (parameter, argument) or ERROR in (parameter, argument):
        return True
    if isinstance(parameter, ObjectType) or isinstance(argument, ObjectType):
        return parameter is argument or NULL in (parameter, argument) or _same_object(parameter, argument)
    if parameter.name == argument.name == "type":
        return True  # types of all types compare
    if parameter.name == argument.name and len(parameter.parameters) == len(argument.parameters):
        return all(fits(p, a, bound) for p, a in zip(parameter.parameters, argument.parameters, strict=True))
    if argument == NULL:
        return parameter.name not in _NOT_NULLABLE
    return parameter == NULL and argument.name not in _NOT_NULLABLE


def _same_object(a: Type, b: Type) -> bool:
    return isinstance(a, ObjectType) and isinstance(b, ObjectType) and a.fields is b.fields


def common(a: Type, b: Type) -> Type:
    """The type that holds values of both; sizes are the larger one's."""
    if a is b:
        return a
    if a.name != b.name or len(a.parameters) != len(b.parameters) or isinstance(a, ObjectType):
        return DYN if a != NULL and b != NULL else (b if a == NULL else a)
    limit = None if a.limit is None or b.limit is None else max(a.limit, b.limit)
    return Type(a.name, tuple(map(common, a.parameters, b.parameters)), limit)


def substitute(result: Type, bound: Bindings) -> Type:
    """A signature's type with its parameters replaced."""
    if is_parameter(result):
        return bound.get(result.name, DYN)
    if not result.parameters:
        return result
    return Type(result.name, tuple(substitute(part, bound) for part in result.parameters), result.limit)
