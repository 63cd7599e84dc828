"""Calls of webhooks: one HTTPS POST of a review object, one review object back.

Admission and the conversion of custom resources share the client: its connection pools, its way to Services,
its words for failures. It knows no review by kind, and decides nothing about what a failure means.
"""

from kubepy.apiserver.webhooks.client import WebhookClient, WebhookError, url_of

__all__ = ["WebhookClient", "WebhookError", "url_of"]
