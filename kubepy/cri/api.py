"""CRI v1's protobuf messages, by the names that the specification gives them."""

from typing import Any

from cri_api.v1 import api_pb2 as _api

#: Generated code without types: every message and enumeration of api.proto is an attribute.
messages: Any = _api
