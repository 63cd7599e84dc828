"""Printers of disruption budgets, classes, leases, bindings, certificate requests and extensions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubepy.api import resources as r
from kubepy.api.printers.base import (
    NONE,
    UNSET,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    name_column,
    name_of,
)
from kubepy.machinery import conditions, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


def pod_disruption_budgets() -> Printer:
    """Return the printer of PodDisruptionBudgets."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        return [
            name_of(obj),
            str(spec.get("minAvailable", "N/A")),
            str(spec.get("maxUnavailable", "N/A")),
            (obj.get("status") or {}).get("disruptionsAllowed") or 0,
            age_of(obj, now),
        ]

    return Printer(
        [
            name_column(),
            column("Min Available", "The minimum number of pods that must be available."),
            column("Max Unavailable", "The maximum number of pods that may be unavailable."),
            column(
                "Allowed Disruptions",
                "Calculated number of pods that may be disrupted at this time.",
                type="integer",
            ),
            age_column(),
        ],
        row,
    )


def priority_classes() -> Printer:
    """Return the printer of PriorityClasses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [
            name_of(obj),
            obj.get("value") or 0,
            bool(obj.get("globalDefault")),
            age_of(obj, now),
            obj.get("preemptionPolicy") or "",
        ]

    kind = "scheduling.v1.PriorityClass"
    return Printer(
        [
            name_column(),
            column("Value", doc(kind, "value"), type="integer"),
            column("Global-Default", doc(kind, "globalDefault"), type="boolean"),
            age_column(),
            column("PreemptionPolicy", doc(kind, "preemptionPolicy")),
        ],
        row,
    )


def runtime_classes() -> Printer:
    """Return the printer of RuntimeClasses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), obj.get("handler") or "", age_of(obj, now)]

    handler = column("Handler", doc("node.v1.RuntimeClass", "handler"))
    return Printer([name_column(), handler, age_column()], row)


def leases() -> Printer:
    """Return the printer of Leases."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), (obj.get("spec") or {}).get("holderIdentity") or "", age_of(obj, now)]

    holder = column("Holder", doc("coordination.v1.LeaseSpec", "holderIdentity"))
    return Printer([name_column(), holder, age_column()], row)


def _binding_printer(noun: str, kind: str) -> Callable[[], Printer]:
    def row(obj: Obj, now: datetime) -> list[Any]:
        reference = obj.get("roleRef") or {}
        users, groups, accounts = [], [], []
        for subject in obj.get("subjects") or ():
            name = subject.get("name") or ""
            match subject.get("kind"):
                case "User":
                    users.append(name)
                case "Group":
                    groups.append(name)
                case "ServiceAccount":
                    accounts.append(f"{subject.get('namespace') or ''}/{name}")
        return [
            name_of(obj),
            f"{reference.get('kind') or ''}/{reference.get('name') or ''}",
            age_of(obj, now),
            ", ".join(users),
            ", ".join(groups),
            ", ".join(accounts),
        ]

    def make() -> Printer:
        return Printer(
            [
                name_column(),
                column("Role", doc(f"rbac.v1.{kind}", "roleRef")),
                age_column(),
                column("Users", f"Users in the {noun}", wide=True),
                column("Groups", f"Groups in the {noun}", wide=True),
                column("ServiceAccounts", f"ServiceAccounts in the {noun}", wide=True),
            ],
            row,
        )

    return make


def _csr_condition(csr: Obj) -> str:
    words = "Pending"
    if conditions.get(csr, "Denied"):
        words = "Denied"
    elif conditions.get(csr, "Approved"):
        words = "Approved"
    if conditions.get(csr, "Failed"):
        words += ",Failed"
    if (csr.get("status") or {}).get("certificate"):
        words += ",Issued"
    return words


def certificate_signing_requests() -> Printer:
    """Return the printer of CertificateSigningRequests."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        seconds = spec.get("expirationSeconds")
        return [
            name_of(obj),
            age_of(obj, now),
            spec.get("signerName") or NONE,
            spec.get("username") or "",
            NONE if seconds is None else timestamps.human_duration(seconds),
            _csr_condition(obj),
        ]

    spec = "certificates.v1.CertificateSigningRequestSpec"
    return Printer(
        [
            name_column(),
            age_column(),
            column("SignerName", doc(spec, "signerName")),
            column("Requestor", doc(spec, "request")),
            column("RequestedDuration", doc(spec, "expirationSeconds")),
            column("Condition", doc("certificates.v1.CertificateSigningRequestStatus", "conditions")),
        ],
        row,
    )


def _counted(kind: str, name: str, field: str, *, in_spec: bool = False) -> Callable[[], Printer]:
    """Return the printer of a configuration that shows how many entries a list of it has."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        holder = (obj.get("spec") or {}) if in_spec else obj
        cells: list[Any] = [name_of(obj), len(holder.get(field) or ())]
        if in_spec:
            param = holder.get("paramKind")
            cells.append(f"{param.get('apiVersion')}/{param.get('kind')}" if param else UNSET)
        return [*cells, age_of(obj, now)]

    def make() -> Printer:
        holder = f"admissionregistration.v1.{kind}{'Spec' if in_spec else ''}"
        description = f"{name} indicates the number of {_THINGS[name]}"
        columns = [name_column(), column(name, description, type="integer")]
        if in_spec:
            columns.append(column("ParamKind", doc(holder, "paramKind")))
        return Printer([*columns, age_column()], row)

    return make


_THINGS = {
    "Webhooks": "webhooks defined in this configuration",
    "Validations": "validation rules defined in this configuration",
    "Mutations": "mutation rules defined in this configuration",
}


def _policy_binding(kind: str) -> Callable[[], Printer]:
    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        reference = spec.get("paramRef")
        shown = UNSET
        if reference is not None:
            if reference.get("namespace"):
                shown = f"{reference['namespace']}/{reference.get('name') or '*'}"
            else:
                shown = f"*/{reference.get('name') or '*'}"
        return [name_of(obj), spec.get("policyName") or "", shown, age_of(obj, now)]

    def make() -> Printer:
        spec = f"admissionregistration.v1.{kind}Spec"
        return Printer(
            [
                name_column(),
                column("PolicyName", doc(spec, "policyName")),
                column("ParamRef", doc(spec, "paramRef")),
                age_column(),
            ],
            row,
        )

    return make


def api_services() -> Printer:
    """Return the printer of APIServices."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        service = (obj.get("spec") or {}).get("service")
        available = conditions.get(obj, "Available") or {}
        status = available.get("status") or "Unknown"
        if status != "True" and available.get("reason"):
            status = f"{status} ({available['reason']})"
        where = f"{service.get('namespace')}/{service.get('name')}" if service else "Local"
        return [name_of(obj), where, status, age_of(obj, now)]

    return Printer(
        [
            name_column(),
            column("Service", "The reference to the service that hosts this API endpoint."),
            column("Available", "Whether this service is available."),
            age_column(),
        ],
        row,
    )


PRINTERS: dict[GVR, Callable[[], Printer]] = {
    r.POD_DISRUPTION_BUDGETS: pod_disruption_budgets,
    r.PRIORITY_CLASSES: priority_classes,
    r.RUNTIME_CLASSES: runtime_classes,
    r.LEASES: leases,
    r.ROLE_BINDINGS: _binding_printer("roleBinding", "RoleBinding"),
    r.CLUSTER_ROLE_BINDINGS: _binding_printer("clusterRoleBinding", "ClusterRoleBinding"),
    r.CSRS: certificate_signing_requests,
    r.MUTATING_WEBHOOK_CONFIGURATIONS: _counted("MutatingWebhookConfiguration", "Webhooks", "webhooks"),
    r.VALIDATING_WEBHOOK_CONFIGURATIONS: _counted("ValidatingWebhookConfiguration", "Webhooks", "webhooks"),
    r.VALIDATING_ADMISSION_POLICIES: _counted(
        "ValidatingAdmissionPolicy", "Validations", "validations", in_spec=True
    ),
    r.MUTATING_ADMISSION_POLICIES: _counted(
        "MutatingAdmissionPolicy", "Mutations", "mutations", in_spec=True
    ),
    r.VALIDATING_ADMISSION_POLICY_BINDINGS: _policy_binding("ValidatingAdmissionPolicyBinding"),
    r.MUTATING_ADMISSION_POLICY_BINDINGS: _policy_binding("MutatingAdmissionPolicyBinding"),
    r.API_SERVICES: api_services,
}
