"""What an annotation cannot say by itself: limits, rules, columns. Used in typing.Annotated."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

C = TypeVar("C", bound=type[Any])
RULES = "__kubernetes_rules__"


@dataclass(frozen=True)
class Rule:
    """A CEL rule (x-kubernetes-validations) on a value: `self` is the value, `oldSelf` what it was.

    A rule that names oldSelf is checked on updates alone, unless `optional_old_self`.
    """

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""
    optional_old_self: bool = False

    def schema(self) -> dict[str, Any]:
        """As the schema has it."""
        shown = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.message_expression,
            "reason": self.reason,
            "fieldPath": self.field_path,
            "optionalOldSelf": self.optional_old_self,
        }
        return {key: value for key, value in shown.items() if value}


immutable = Rule("self == oldSelf", "field is immutable")
"""A marker: the value stays what it was when it was first set."""


@dataclass(frozen=True)
class Field:
    """Limits and properties of a field, by the names that msgspec.Meta and pydantic.Field use too.

    `list_type` is "atomic", "set" or "map" (with `list_map_keys`); `map_type` and `struct` "granular" or
    "atomic"; `preserve_unknown` keeps fields that the schema does not name; `embedded` says that the value is
    a whole Kubernetes object. `extra` goes into the schema as it is.
    """

    description: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    unique: bool = False
    nullable: bool = False
    min_properties: int | None = None
    max_properties: int | None = None
    list_type: Literal["atomic", "set", "map"] | None = None
    list_map_keys: tuple[str, ...] = ()
    map_type: Literal["granular", "atomic"] | None = None
    preserve_unknown: bool = False
    embedded: bool = False
    extra: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Printed:
    """`kubectl get` shows the field in a column; `priority` above 0 with -o wide only."""

    name: str = ""
    priority: int = 0
    format: str = ""


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`, by JSONPath; `type` is integer, number, string, boolean or date."""

    name: str
    json_path: str
    type: Literal["integer", "number", "string", "boolean", "date"] = "string"
    description: str = ""
    priority: int = 0
    format: str = ""

    def definition(self) -> dict[str, Any]:
        """As additionalPrinterColumns has it."""
        shown: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.json_path}
        optional = {"description": self.description, "priority": self.priority, "format": self.format}
        return shown | {key: value for key, value in optional.items() if value}


IntOrString = Annotated[int | str, Field(extra={"x-kubernetes-int-or-string": True})]
"""A number or a text: a port, a percentage."""

Quantity = Annotated[
    int | str,
    Field(
        pattern=r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
        extra={"x-kubernetes-int-or-string": True},
    ),
]
"""A resource quantity: 500m, 2Gi."""


def rules(*added: Rule) -> Callable[[C], C]:
    """A class decorator: CEL rules over the fields of the class (`self.minReplicas <= self.maxReplicas`)."""

    def decorate(cls: C) -> C:
        setattr(cls, RULES, (*added, *getattr(cls, RULES, ())))
        return cls

    return decorate


def one_of(*fields: str, required: bool = True) -> Callable[[C], C]:
    """A class decorator: exactly one of these fields (by their JSON names) is set; at most one unless
    `required`. The class is a union: make the fields optional."""
    present = ", ".join(f"has(self.{name})" for name in fields)
    size = f"[{present}].filter(x, x).size()"
    listed = ", ".join(fields)
    if required:
        return rules(Rule(f"{size} == 1", f"exactly one of {listed} must be set"))
    return rules(Rule(f"{size} <= 1", f"at most one of {listed} may be set"))
