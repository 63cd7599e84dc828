"""Approves kubelets' client certificates when RBAC lets the requester have them approved, and the serving
certificates that nodes ask for in their own name."""

from __future__ import annotations

from typing import NamedTuple

from kubepy.api.resources import CSRS, NODES, SUBJECT_ACCESS_REVIEWS
from kubepy.controllers.certificates import serving
from kubepy.controllers.certificates.requests import KUBELET_CLIENT, is_decided, kubelet_client_problem
from kubepy.controllers.context import Context
from kubepy.machinery import errors
from kubepy.machinery.certificates import CertificateRequest, parse_request
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request
from kubepy.util.logging import get_logger

_log = get_logger(__name__)


class Recognized(NamedTuple):
    """The subresource that must be allowed to the requester, and what the condition says then."""

    subresource: str
    message: str


def recognize(csr: Obj, request: CertificateRequest) -> list[Recognized]:
    """As what the request may be approved. Pure."""
    spec = csr["spec"]
    if spec.get("signerName") != KUBELET_CLIENT or kubelet_client_problem(request, spec.get("usages") or ()):
        return []
    found = []
    if spec.get("username") == request.common_name:
        found.append(
            Recognized(
                "selfnodeclient",
                "Auto approving self kubelet client certificate after SubjectAccessReview.",
            )
        )
    found.append(
        Recognized("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")
    )
    return found


class Approver:
    """Looks at one request."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._csrs = context.factory.informer(CSRS)

    async def reconcile(self, request: Request) -> None:
        """Approve it when it is recognized and allowed."""
        csr = self._csrs.lister.get(request.name)
        if csr is None or is_decided(csr) or (csr.get("status") or {}).get("certificate"):
            return
        try:
            wanted = parse_request(csr["spec"]["request"])
        except ValueError as error:
            _log.warning("request cannot be read", csr=request.name, error=str(error))
            return
        for recognized in recognize(csr, wanted):
            if await self._allowed(csr, recognized.subresource):
                await self._approve(csr, recognized.message)
                return
        node_name = serving.requesting_node(csr, wanted)
        node = await self._node(node_name) if node_name else None
        if node is not None and serving.may_name(node, wanted):
            await self._approve(csr, serving.MESSAGE)

    async def _node(self, name: str) -> Obj | None:
        try:
            return await self._client.get(NODES, name)
        except errors.StatusError as error:
            if errors.is_not_found(error):
                return None
            raise

    async def _allowed(self, csr: Obj, subresource: str) -> bool:
        spec = csr["spec"]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": spec.get("username") or "",
                "uid": spec.get("uid") or "",
                "groups": spec.get("groups") or [],
                "extra": spec.get("extra") or {},
                "resourceAttributes": {
                    "group": "certificates.k8s.io",
                    "resource": "certificatesigningrequests",
                    "verb": "create",
                    "subresource": subresource,
                },
            },
        }
        answer = await self._client.create(SUBJECT_ACCESS_REVIEWS, review)
        return bool(answer["status"].get("allowed"))

    async def _approve(self, csr: Obj, message: str) -> None:
        status = csr.get("status") or {}
        condition = {"type": "Approved", "status": "True", "reason": "AutoApproved", "message": message}
        conditions = [*(status.get("conditions") or ()), condition]
        approved = {**csr, "status": {**status, "conditions": conditions}}
        await self._client.update(CSRS, approved, subresource="approval")


def new(context: Context) -> Controller:
    """The approving controller."""
    return Controller("csrapproving", Approver(context).reconcile).for_(CSRS)
