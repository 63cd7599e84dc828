"""OpenAPI v2 and v3, built from the schema package and the table of served resources when first asked for.

kubectl explain, kubectl apply and client-side validation read it.
"""

from kubepy.apiserver.openapi.documents import OpenAPI

__all__ = ["OpenAPI"]
