"""`application/vnd.kubernetes.protobuf`: the form in which Go clients send, and may ask for, built-in kinds.

`table` has the numbers of the fields, the schema package their types; `decode` and `encode` go both ways
between bytes and plain objects. A field or kind that the table does not know is refused, never dropped.
"""

from kubepy.api.protobuf.decode import decode_object
from kubepy.api.protobuf.encode import encode_object, encode_watch_event, encodes
from kubepy.api.protobuf.wire import MEDIA_TYPE

__all__ = ["MEDIA_TYPE", "decode_object", "encode_object", "encode_watch_event", "encodes"]
