"""A conflict of field managers as a Status."""

from __future__ import annotations

from kubepy.machinery.apply.updating import ConflictError
from kubepy.machinery.errors import StatusError

REASON = "FieldManagerConflict"


def conflict(error: ConflictError) -> StatusError:
    """409 with a cause for each field; like apimachinery's NewApplyConflict it does not name the object."""
    return StatusError(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(error),
            "reason": "Conflict",
            "details": {
                "causes": [
                    {
                        "reason": REASON,
                        "message": f"conflict with {found.manager}",
                        "field": found.path_text,
                    }
                    for found in error.conflicts
                ]
            },
            "code": 409,
        }
    )
