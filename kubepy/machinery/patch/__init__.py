"""Patches: JSON patch (RFC 6902), JSON merge patch (RFC 7396) and Kubernetes' strategic merge patch.

`apply` functions return a new document and leave their arguments alone; `create` functions compute the patch
that a client such as `kubectl apply` sends. Strategic patches are driven by the kind's schema.
"""


class PatchError(ValueError):
    """The patch is malformed or does not fit the document; the message says where."""
