"""Signs approved requests with the cluster's authority."""

from __future__ import annotations

import base64
from datetime import timedelta

from kubepy.api.resources import CSRS
from kubepy.controllers.certificates.authority import Authority
from kubepy.controllers.certificates.requests import SIGNERS, is_approved
from kubepy.controllers.context import Context
from kubepy.machinery import conditions
from kubepy.machinery.certificates import parse_request
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller, Request


class Signer:
    """Looks at one request."""

    def __init__(self, context: Context, authority: Authority) -> None:
        self._client = context.client
        self._clock = context.clock
        self._authority = authority
        self._longest = timedelta(seconds=context.config.cluster_signing_duration)
        self._csrs = context.factory.informer(CSRS)

    async def reconcile(self, request: Request) -> None:
        """Issue the certificate, or say why not."""
        csr = self._csrs.lister.get(request.name)
        if csr is None or not is_approved(csr) or conditions.is_true(csr, "Failed"):
            return
        status, signer = csr.get("status") or {}, csr["spec"].get("signerName")
        if status.get("certificate") or signer not in SIGNERS:
            return
        await self._client.update(CSRS, {**csr, "status": self._answered(csr)}, subresource="status")

    def _answered(self, csr: Obj) -> Obj:
        spec, status = csr["spec"], csr.get("status") or {}
        usages = spec.get("usages") or ()
        try:
            request = parse_request(spec["request"])
            problem = SIGNERS[spec["signerName"]](request, usages)
        except ValueError as error:
            problem = str(error)
        if problem:
            now = rfc3339(self._clock.time())
            failed = {
                "type": "Failed",
                "status": "True",
                "reason": "SignerValidationFailure",
                "message": problem,
                "lastUpdateTime": now,
            }
            return {**status, "conditions": [*(status.get("conditions") or ()), failed]}
        wanted = spec.get("expirationSeconds")
        lifetime = self._longest if wanted is None else min(self._longest, timedelta(seconds=wanted))
        pem = self._authority.sign(request, usages, self._clock.now(), lifetime)
        return {**status, "certificate": base64.b64encode(pem).decode()}


def new(context: Context) -> Controller | None:
    """The signing controller; None when the configuration names no authority."""
    config = context.config
    if config.cluster_signing_cert_file is None or config.cluster_signing_key_file is None:
        return None
    authority = Authority.load(config.cluster_signing_cert_file, config.cluster_signing_key_file)
    return Controller("csrsigning", Signer(context, authority).reconcile).for_(CSRS)
