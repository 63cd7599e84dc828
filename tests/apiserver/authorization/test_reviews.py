"""Access reviews and token reviews: what they refuse, and what they answer."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.apiserver.conftest import PODS, Cluster, make_default_account, pod

pytestmark = pytest.mark.anyio
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
TOKENS = "/api/v1/namespaces/default/serviceaccounts/default/token"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


async def test_reviews_that_ask_nothing(cluster: Cluster) -> None:
    admin = cluster.admin
    refused = await admin.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", {"spec": {}})
    assert refused.status == 422
    assert refused.message == (
        'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: '
        "null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
    )
    asked = {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "other"}}
    refused = await admin.post(f"{AUTHORIZATION}/subjectaccessreviews", {"spec": asked})
    assert 'spec.user: Invalid value: "": at least one of user or group' in refused.message
    local = f"{AUTHORIZATION}/namespaces/default/localsubjectaccessreviews"
    refused = await admin.post(local, {"spec": {**asked, "user": "jane"}})
    assert (refused.status, refused.message) == (
        400,
        "spec.resourceAttributes.namespace must match namespace: default",
    )


async def test_a_token_is_for_its_audiences_and_dies_with_its_pod(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    made = (await admin.post(PODS, pod("p"))).json
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made["metadata"]["uid"]}
    spec: dict[str, Any] = {"audiences": ["vault"], "boundObjectRef": reference}
    token = (await admin.post(TOKENS, {"spec": spec})).json["status"]["token"]

    async def review(*audiences: str) -> dict[str, Any]:
        answer = await admin.post(TOKEN_REVIEWS, {"spec": {"token": token, "audiences": list(audiences)}})
        return dict(answer.json["status"])

    good = await review("vault", "other")
    assert (good["authenticated"], good["audiences"]) == (True, ["vault"])
    assert good["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    assert "authenticated" not in await review("other")
    assert "authenticated" not in await review()
    await admin.delete(f"{PODS}/p?gracePeriodSeconds=0")
    assert "authenticated" not in await review("vault")


async def test_what_a_token_may_be_bound_to(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    await admin.post(PODS, pod("p"))

    async def refused(**reference: str) -> tuple[int, str]:
        answer = await admin.post(TOKENS, {"spec": {"boundObjectRef": {"apiVersion": "v1", **reference}}})
        return answer.status, answer.message

    assert await refused(kind="ConfigMap", name="x") == (
        400,
        "cannot bind token to object of type /v1, Kind=ConfigMap",
    )
    status, message = await refused(kind="Pod", name="p", uid="other")
    assert status == 409
    assert message.startswith(
        'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference'
    )


async def test_impersonation_asks_for_each_part(cluster: Cluster) -> None:
    admin = cluster.admin
    group = "rbac.authorization.k8s.io"
    rules = [
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"]},
        {
            "verbs": ["impersonate"],
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["userextras/scopes"],
            "resourceNames": ["view"],
        },
    ]
    rbac = f"/apis/{group}/v1"
    await admin.post(f"{rbac}/clusterroles", {"metadata": {"name": "act"}, "rules": rules})
    binding = {
        "metadata": {"name": "act"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "act"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "actor"}],
    }
    await admin.post(f"{rbac}/clusterrolebindings", binding)
    actor = cluster.client("actor")
    who = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    headers = {"Impersonate_User": "mia", "Impersonate_Extra_Scopes": "view"}
    info = (await actor.post(who, {}, **headers)).json["status"]["userInfo"]
    assert info == {"username": "mia", "groups": ["system:authenticated"], "extra": {"scopes": ["view"]}}
    headers["Impersonate_Extra_Scopes"] = "edit"
    assert (await actor.post(who, {}, **headers)).message == (
        'userextras.authentication.k8s.io "edit" is forbidden: User "actor" cannot impersonate resource '
        '"userextras/scopes" in API group "authentication.k8s.io" at the cluster scope'
    )
    refused = await actor.post(who, {}, Impersonate_User="mia", Impersonate_Uid="1")
    assert 'resource "uids" in API group "authentication.k8s.io"' in refused.message
    refused = await actor.post(who, {}, Impersonate_User="mia", Impersonate_Group="dev")
    assert 'cannot impersonate resource "groups" in API group ""' in refused.message


async def test_a_certificate_has_an_id(cluster: Cluster) -> None:
    who = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    info = (await cluster.client("cora").post(who, {})).json["status"]["userInfo"]
    certificate = cluster.keys.client("cora")[0].read_bytes()
    fingerprint = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex()
    assert info["extra"] == {"authentication.kubernetes.io/credential-id": [f"X509SHA256={fingerprint}"]}
