"""CertificateApproval, CertificateSigning, CertificateSubjectRestriction: who may do what with a signer."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.resources import CSRS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, Plugin
from kubepy.apiserver.authentication.user import MASTERS
from kubepy.apiserver.authorization import attributes as access
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.machinery import errors
from kubepy.machinery.field_errors import quote
from kubepy.machinery.timestamps import rfc3339
from kubepy.util.clock import Clock

_CLIENT = "kubernetes.io/kube-apiserver-client"


def may_use_signer(authorizer: Authorizer, attributes: Attributes, verb: str, signer: str) -> bool:
    """Tell whether the user has the verb on the signer, by its name or by "domain/*"."""
    names = (signer, f"{signer.partition('/')[0]}/*")
    return any(
        authorizer.decide(
            attributes.user, access.Attributes(verb, "certificates.k8s.io", "signers", name=name)
        )[0]
        for name in names
    )


class CertificateRequester(Plugin):
    """Writes down who asks for a certificate, and when conditions were written.

    Kubernetes has this in the kind's strategy, which here does not see the user.
    """

    resources = frozenset({CSRS})

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def handles(self, attributes: Attributes) -> bool:
        """New CSRs, and changes of their conditions."""
        return attributes.gvr == CSRS and (attributes.operation == "CREATE" or bool(attributes.subresource))

    async def mutate(self, attributes: Attributes) -> None:
        """Fill in spec.username and its kin; lastUpdateTime and lastTransitionTime."""
        csr = attributes.object
        if attributes.operation == "CREATE":
            spec = csr.setdefault("spec", {})
            for field in ("username", "uid", "groups", "extra"):
                spec.pop(field, None)
            spec |= attributes.user.as_info()
            return
        old = {c.get("type"): c for c in ((attributes.old or {}).get("status") or {}).get("conditions") or ()}
        now = rfc3339(self._clock.time())
        for condition in (csr.get("status") or {}).get("conditions") or ():
            before = old.get(condition.get("type")) or {}
            same = before.get("status") == condition.get("status")
            if not condition.get("lastTransitionTime"):
                kept = before.get("lastTransitionTime") if same else None
                condition["lastTransitionTime"] = kept or now
            if not condition.get("lastUpdateTime"):
                condition["lastUpdateTime"] = now


class _Signers(Plugin):
    resources = frozenset({CSRS})
    operations = frozenset({"UPDATE"})
    verb = ""
    subresource = ""
    words = ""

    def __init__(self, authorizer: Callable[[], Authorizer]) -> None:
        self._authorizer = authorizer

    def handles(self, attributes: Attributes) -> bool:
        """One road of CSRs."""
        return attributes.gvr == CSRS and attributes.subresource == self.subresource

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403."""
        signer = ((attributes.old or {}).get("spec") or {}).get("signerName") or ""
        if not may_use_signer(self._authorizer(), attributes, self.verb, signer):
            detail = f"user not permitted to {self.words} requests with signerName {quote(signer)}"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)


class CertificateApproval(_Signers):
    """Approving and denying needs the verb approve on the signer."""

    verb, subresource, words = "approve", "approval", "approve"


class CertificateSigning(_Signers):
    """Writing a certificate or a condition needs the verb sign on the signer."""

    verb, subresource, words = "sign", "status", "sign"

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403; a write that changes neither is nobody's business."""
        status, old = (o.get("status") or {} for o in (attributes.object, attributes.old or {}))
        if any(status.get(field) != old.get(field) for field in ("certificate", "conditions")):
            await super().validate(attributes)


class CertificateSubjectRestriction(Plugin):
    """Nobody becomes a member of system:masters by a signed request."""

    resources = frozenset({CSRS})
    subresources = MAIN
    operations = frozenset({"CREATE"})

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403."""
        spec = attributes.object.get("spec") or {}
        if spec.get("signerName") != _CLIENT:
            return
        try:
            from kubepy.machinery import certificates  # seldom needed, and X.509 is slow to load

            request = certificates.parse_request(spec.get("request") or "")
        except ValueError:
            return  # validation has said so already
        if MASTERS in request.organizations:
            detail = f"use of {_CLIENT} signer with {MASTERS} group is not allowed"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
