"""Conditions as a status has them."""

import datetime
from dataclasses import dataclass
from typing import Annotated, Literal

from kubepy.operator.crd.markers import Field


@dataclass
class Condition:
    """One aspect of the object's state, by the Kubernetes API conventions."""

    type: Annotated[str, Field(max_length=316)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=1024)] = ""
    message: Annotated[str, Field(max_length=32768)] = ""
    last_transition_time: datetime.datetime | None = None
    observed_generation: Annotated[int, Field(ge=0)] | None = None


Conditions = Annotated[list[Condition], Field(list_type="map", list_map_keys=("type",))]
"""A status' conditions, one of each type: `conditions: Conditions = field(default_factory=list)`."""
