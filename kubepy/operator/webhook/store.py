"""Where webhook keys are kept: replicas of an operator must serve certificates of one CA."""

import base64
from dataclasses import fields
from typing import Protocol

from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator.webhook.certificates import Certificates

SECRETS = GVR("", "v1", "secrets")
# The serving pair has the names that a kubernetes.io/tls Secret has them under.
KEYS = {
    "ca": "ca.crt",
    "ca_key": "ca.key",
    "certificate": "tls.crt",
    "key": "tls.key",
    "bundle": "ca-bundle.crt",
}


class Store(Protocol):
    """Keeps certificates; of several who save at once one wins, and the others are told."""

    async def load(self) -> Certificates | None:
        """What is kept, if anything is."""

    async def save(self, certificates: Certificates) -> bool:
        """Put them in the place of what `load` gave last; False when somebody else was first: load again."""


class MemoryStore:
    """For one process, and as long as it lives."""

    def __init__(self) -> None:
        self._kept: Certificates | None = None

    async def load(self) -> Certificates | None:
        return self._kept

    async def save(self, certificates: Certificates) -> bool:
        self._kept = certificates
        return True


class SecretStore:
    """In a Secret of type kubernetes.io/tls."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._seen: Obj | None = None

    async def load(self) -> Certificates | None:
        """None also when the Secret lacks a part, as one that a chart has made empty."""
        try:
            self._seen = await self._client.get(SECRETS, self._name, namespace=self._namespace)
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise
            self._seen = None
            return None
        data = self._seen.get("data") or {}
        if not all(data.get(key) for key in KEYS.values()):
            return None
        return Certificates(**{name: base64.b64decode(data[key]) for name, key in KEYS.items()})

    async def save(self, certificates: Certificates) -> bool:
        data = {
            KEYS[field.name]: base64.b64encode(getattr(certificates, field.name)).decode()
            for field in fields(certificates)
        }
        try:
            if self._seen is None:
                fresh: Obj = {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "type": "kubernetes.io/tls",
                    "metadata": {"name": self._name, "namespace": self._namespace},
                    "data": data,
                }
                self._seen = await self._client.create(SECRETS, fresh)
            else:
                self._seen = await self._client.update(SECRETS, self._seen | {"data": data})
        except errors.StatusError as error:
            if errors.is_conflict(error) or errors.is_already_exists(error) or errors.is_not_found(error):
                return False
            raise
        return True
