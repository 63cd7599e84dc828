"""The audit log: who did what, when, and with which outcome.

`policy` says how much of which request is written, `event` is one request on its way through the stages,
`log` a file of JSON lines with rotation. Without a policy file nothing of this exists at run time. It never
changes a request or an answer.
"""

from kubepy.apiserver.audit.auditor import Auditor
from kubepy.apiserver.audit.event import AuditEvent

__all__ = ["AuditEvent", "Auditor"]
