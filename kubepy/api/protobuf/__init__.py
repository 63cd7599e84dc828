"""``application/vnd.kubernetes.protobuf`` bodies into plain objects.

Go clients (kubectl among them) send built-in kinds in this form. ``fields`` knows the messages that
kubectl's own commands send; a field that it does not know is refused, never dropped. Types come from
the schema package; only the numbers are written down here.
"""

from kubepy.api.protobuf.decode import MEDIA_TYPE, decode_object

__all__ = ["MEDIA_TYPE", "decode_object"]
