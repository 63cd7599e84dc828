"""Removes requests that are through with, and those that nobody answered."""

from __future__ import annotations

import base64
import binascii

from cryptography import x509

from kubepy.api.resources import CSRS
from kubepy.controllers.context import Context
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.operator import Controller, Request, Result

PERIOD = 60.0
_HOUR = 3600.0
_ANSWERED = _HOUR
_PENDING = 24 * _HOUR


def is_old(csr: Obj, now: float) -> bool:
    """Tell whether the request may go. Pure; `now` in seconds since the epoch."""
    certificate = (csr.get("status") or {}).get("certificate")
    if certificate and _expired(certificate, now):
        return True
    for kind in ("Approved", "Denied", "Failed"):
        condition = conditions.get(csr, kind)
        if condition is not None:
            if kind == "Approved" and not certificate:
                continue  # the signer may be slow: as long as a request that nobody answered
            since = condition.get("lastUpdateTime") or meta.creation_timestamp(csr)
            return _age(since, now) > _ANSWERED
    return _age(meta.creation_timestamp(csr), now) > _PENDING


def _age(time: str, now: float) -> float:
    return now - parse(time).timestamp()


def _expired(certificate: str, now: float) -> bool:
    try:
        parsed = x509.load_pem_x509_certificate(base64.b64decode(certificate))
    except (binascii.Error, ValueError):
        return False
    return parsed.not_valid_after_utc.timestamp() < now


class Cleaner:
    """Looks at each request every minute."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._csrs = context.factory.informer(CSRS)

    async def reconcile(self, request: Request) -> Result | None:
        """Delete it, or look again later."""
        csr = self._csrs.lister.get(request.name)
        if csr is None:
            return None
        if not is_old(csr, self._clock.time()):
            return Result(requeue_after=PERIOD)
        try:
            await self._client.delete(CSRS, request.name, uid=meta.uid(csr))
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
        return None


def new(context: Context) -> Controller:
    """The cleaning controller."""
    return Controller("csrcleaner", Cleaner(context).reconcile).for_(CSRS)
