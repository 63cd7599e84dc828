"""Webhooks of an operator: admission (defaulting, mutating, validating) and conversion between versions.

    hooks = WebhookServer(client, "web-operator", address="0.0.0.0:9443", service=("system", "web-operator"))
    hooks.validating(WEBS.gvr, validate)
    hooks.mutating(WEBS.gvr, set_defaults)
    hooks.converting(WEBS, conversion)
    manager.add_service(hooks.run)

`admission` and `conversion` answer reviews and do no I/O; `certificates` makes keys and knows when they are
due, `store` keeps them (in memory, or in a Secret that replicas share); `server` serves, rotates, and writes
the webhook configurations with the CA in them.
"""

from kubepy.operator.webhook.admission import AdmissionRequest, Denied
from kubepy.operator.webhook.certificates import Certificates
from kubepy.operator.webhook.conversion import Conversion, ConversionFailed
from kubepy.operator.webhook.server import WebhookServer
from kubepy.operator.webhook.store import MemoryStore, SecretStore, Store

__all__ = [
    "AdmissionRequest",
    "Certificates",
    "Conversion",
    "ConversionFailed",
    "Denied",
    "MemoryStore",
    "SecretStore",
    "Store",
    "WebhookServer",
]
