"""CustomResourceDefinitions from Python classes, and objects read into them.

A spec (and a status) is a dataclass, a msgspec Struct or a pydantic model: its annotations become the OpenAPI
schema, defaults become defaults, `markers` in Annotated add limits, CEL rules and printer columns.
`CustomResource` names the kind and its versions, makes the definition, and reads and writes typed objects;
`install` puts definitions on a server. `python -m kubepy.operator.crd module:NAME` prints the YAML.

msgspec and pydantic are never imported, only used through classes that are theirs already.
"""

from kubepy.operator.crd.conditions import Condition, Conditions
from kubepy.operator.crd.definition import CustomResource, Resource, Scale, Version
from kubepy.operator.crd.installing import NotEstablished, install
from kubepy.operator.crd.markers import (
    Column,
    Field,
    IntOrString,
    Printed,
    Quantity,
    Rule,
    immutable,
    one_of,
    rules,
)
from kubepy.operator.crd.reading import InvalidObject, read, write
from kubepy.operator.crd.schema import SchemaError, schema_of

__all__ = [
    "Column",
    "Condition",
    "Conditions",
    "CustomResource",
    "Field",
    "IntOrString",
    "InvalidObject",
    "NotEstablished",
    "Printed",
    "Quantity",
    "Resource",
    "Rule",
    "Scale",
    "SchemaError",
    "Version",
    "immutable",
    "install",
    "one_of",
    "read",
    "rules",
    "schema_of",
    "write",
]
