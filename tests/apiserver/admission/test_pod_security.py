"""The Pod Security Standards, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.apiserver.admission.pod_security.levels import Standard, describe
from tests.apiserver.conftest import Client

pytestmark = pytest.mark.anyio
NAMESPACES = "/api/v1/namespaces"


def judge(level: str, spec: dict[str, Any], minor: int | None = None, **metadata: Any) -> str:
    return describe(Standard(level, minor).violations(metadata, spec))


def one(security: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "a", "image": "busybox"}
    if security is not None:
        container["securityContext"] = security
    return {"containers": [container], **spec}


GOOD = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"]},
}


def test_restricted_says_everything_that_is_wrong() -> None:
    assert judge("restricted", one()) == (
        'allowPrivilegeEscalation != false (container "a" must set '
        "securityContext.allowPrivilegeEscalation=false), "
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")'
    )
    assert judge("restricted", one(GOOD)) == ""
    assert judge("baseline", one()) == ""


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            one(hostNetwork=True, hostPID=True),
            "host namespaces (hostNetwork=true, hostPID=true)",
        ),
        (
            one({"privileged": True}),
            'privileged (container "a" must not set securityContext.privileged=true)',
        ),
        (
            one({"capabilities": {"add": ["SYS_ADMIN", "CHOWN", "NET_ADMIN"]}}),
            'non-default capabilities (container "a" must not include "NET_ADMIN", "SYS_ADMIN" in '
            "securityContext.capabilities.add)",
        ),
        (
            one(volumes=[{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {}}]),
            'hostPath volumes (volume "v")',
        ),
        (
            {"containers": [{"name": "a", "ports": [{"containerPort": 1, "hostPort": 80}]}]},
            'hostPort (container "a" uses hostPort 80)',
        ),
        (
            {"containers": [{"name": "a", "livenessProbe": {"httpGet": {"host": "1.2.3.4"}}}]},
            'probe or lifecycle host (container "a" uses probe or lifecycle host "1.2.3.4")',
        ),
        (
            one({"procMount": "Unmasked"}),
            'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
        ),
        (one({"procMount": "Unmasked"}, hostUsers=False), ""),
        (
            one(
                {"seLinuxOptions": {"type": "spc_t", "user": "root"}}, securityContext={"seLinuxOptions": {}}
            ),
            'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; '
            "user may not be set)",
        ),
        (
            one({"seccompProfile": {"type": "Unconfined"}}),
            'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
        ),
        (
            one(securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}),
            "forbidden sysctl (kernel.msgmax)",
        ),
        (
            one(securityContext={"appArmorProfile": {"type": "Unconfined"}}),
            'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
        ),
        (
            one(securityContext={"windowsOptions": {"hostProcess": True}}),
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
        ),
    ],
)
def test_baseline(spec: dict[str, Any], text: str) -> None:
    assert judge("baseline", spec) == text


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            one(GOOD, volumes=[{"name": "v", "hostPath": {"path": "/"}}, {"name": "n", "nfs": {}}]),
            'restricted volume types (volumes "v", "n" use restricted volume types "hostPath", "nfs")',
        ),
        (
            one({**GOOD, "runAsNonRoot": False}, securityContext={"runAsNonRoot": False}),
            'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false)',
        ),
        (
            one({**GOOD, "runAsUser": 0}),
            'runAsUser=0 (container "a" must not set runAsUser=0)',
        ),
        (
            one({**GOOD, "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "NET_BIND_SERVICE"]}}),
            'unrestricted capabilities (container "a" must not include "CHOWN" in '
            "securityContext.capabilities.add)",
        ),
        (one({"runAsNonRoot": True}, os={"name": "windows"}), ""),
    ],
)
def test_restricted(spec: dict[str, Any], text: str) -> None:
    assert judge("restricted", spec) == text


def test_older_versions_know_less() -> None:
    sysctl = one(securityContext={"sysctls": [{"name": "net.ipv4.tcp_keepalive_time"}]})
    assert judge("baseline", sysctl, 28) == "forbidden sysctl (net.ipv4.tcp_keepalive_time)"
    assert judge("baseline", sysctl, 29) == ""
    assert judge("restricted", one(), 7) == (
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)'
    )


def labels(**modes: str) -> dict[str, str]:
    return {f"pod-security.kubernetes.io/{mode.replace('_', '-')}": value for mode, value in modes.items()}


async def make_namespace(admin: Client, **modes: str) -> None:
    answer = await admin.post(NAMESPACES, {"metadata": {"name": "n", "labels": labels(**modes)}})
    assert answer.status == 201, answer.body
    await admin.post(f"{NAMESPACES}/n/serviceaccounts", {"metadata": {"name": "default"}})


async def test_enforcing_refuses_pods_and_warns_about_workloads(admin: Client) -> None:
    await make_namespace(admin, enforce="baseline", warn="restricted", enforce_version="v1.30")
    host = one(hostNetwork=True)
    refused = await admin.post(f"{NAMESPACES}/n/pods", {"metadata": {"name": "x"}, "spec": host})
    assert refused.status == 403
    assert refused.message == (
        'pods "x" is forbidden: violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)'
    )
    made = await admin.post(f"{NAMESPACES}/n/pods", {"metadata": {"name": "y"}, "spec": one()})
    assert made.status == 201
    assert made.headers["Warning"].startswith(
        '299 - "would violate PodSecurity \\"restricted:latest\\": allowPrivilegeEscalation != false'
    )
    deployment = {
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": host},
        },
    }
    made = await admin.post("/apis/apps/v1/namespaces/n/deployments", deployment)
    assert made.status == 201
    assert "host namespaces (hostNetwork=true)" in made.headers["Warning"]


async def test_an_update_that_changes_nothing_that_matters_passes(admin: Client) -> None:
    await make_namespace(admin)
    await admin.post(f"{NAMESPACES}/n/pods", {"metadata": {"name": "x"}, "spec": one(hostNetwork=True)})
    changed = await admin.patch(f"{NAMESPACES}/n", {"metadata": {"labels": labels(enforce="restricted")}})
    warnings = changed.headers.getall("Warning")
    assert warnings[0] == (
        '299 - "existing pods in namespace \\"n\\" violate the new PodSecurity enforce level '
        '\\"restricted:latest\\""'
    )
    assert warnings[1].startswith('299 - "x: allowPrivilegeEscalation != false, host namespaces, ')
    assert (await admin.patch(f"{NAMESPACES}/n/pods/x", {"metadata": {"labels": {"a": "b"}}})).status == 200
    refused = await admin.patch(
        f"{NAMESPACES}/n/pods/x",
        {"spec": {"containers": [{"name": "a", "image": "other"}]}},
        "strategic",
    )
    assert refused.status == 403


async def test_labels_that_cannot_be_read_are_refused(admin: Client) -> None:
    wrong = labels(enforce="strict", warn_version="1.30")
    refused = await admin.post(NAMESPACES, {"metadata": {"name": "n", "labels": wrong}})
    assert refused.status == 422
    assert refused.message == (
        'Namespace "n" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: '
        '"strict": must be one of privileged, baseline, restricted, '
        "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "
        '"1.30": must be "latest" or "v1.x"]'
    )
