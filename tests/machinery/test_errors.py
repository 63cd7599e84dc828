"""Status errors in Kubernetes' words."""

import pytest

from kubepy.machinery import errors
from kubepy.machinery.gvk import GK, GR, GVK, GVR, parse_api_version

DEPLOYMENTS = GR("apps", "deployments")


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (errors.not_found(GR("", "pods"), "a"), 404, "NotFound", 'pods "a" not found'),
        (
            errors.already_exists(DEPLOYMENTS, "a"),
            409,
            "AlreadyExists",
            'deployments.apps "a" already exists',
        ),
        (
            errors.modified(DEPLOYMENTS, "a"),
            409,
            "Conflict",
            'Operation cannot be fulfilled on deployments.apps "a": the object has been modified; '
            "please apply your changes to the latest version and try again",
        ),
        (errors.forbidden(GR("", "pods"), "", "no"), 403, "Forbidden", "pods is forbidden: no"),
        (errors.unauthorized(), 401, "Unauthorized", "Unauthorized"),
        (errors.expired("old"), 410, "Expired", "old"),
        (errors.too_many_requests("slow", 3), 429, "TooManyRequests", "slow"),
        (errors.internal_error("x"), 500, "InternalError", "Internal error occurred: x"),
    ],
)
def test_texts(error: errors.StatusError, code: int, reason: str, message: str) -> None:
    assert (error.code, error.reason, error.message) == (code, reason, message)
    assert error.status["kind"] == "Status"


def test_invalid_joins_its_causes_and_says_each_once() -> None:
    causes = [
        errors.required("spec.containers[0].image"),
        errors.invalid_value("spec.x", 'a"b', "bad"),
        errors.invalid_value("spec.x", 'a"b', "bad"),
        errors.not_supported("spec.y", "Z", ("A", "B")),
    ]
    error = errors.invalid(GK("apps", "Deployment"), "d", causes)
    assert error.message == (
        'Deployment.apps "d" is invalid: [spec.containers[0].image: Required value, '
        'spec.x: Invalid value: "a\\"b": bad, '
        'spec.y: Unsupported value: "Z": supported values: "A", "B"]'
    )
    assert error.details["causes"][0] == {
        "reason": "FieldValueRequired",
        "message": "Required value",
        "field": "spec.containers[0].image",
    }
    single = errors.invalid(GK("", "Pod"), "p", causes[:1])
    assert single.message == 'Pod "p" is invalid: spec.containers[0].image: Required value'


def test_predicates() -> None:
    assert errors.is_not_found(errors.not_found(GR("", "pods"), "a"))
    assert not errors.is_conflict(errors.already_exists(GR("", "pods"), "a"))
    assert errors.is_expired(errors.gone("x"))
    assert not errors.is_not_found(ValueError("pods not found"))


def test_names_of_kinds() -> None:
    assert parse_api_version("v1") == ("", "v1")
    assert GVK.of({"apiVersion": "apps/v1", "kind": "Deployment"}).gk == GK("apps", "Deployment")
    assert GVR("", "v1", "pods").api_version == "v1"
    assert str(GVR("apps", "v1", "deployments").gr) == "deployments.apps"
    with pytest.raises(ValueError):
        parse_api_version("a/b/c")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-(2**63) - 1, "-9223372036854775809"),
        ([2**70], "[1180591620717411303424]"),
        ("é", '"é"'),
        (1.5, "1.5"),
    ],
)
def test_any_offending_value_can_be_shown(value: object, text: str) -> None:
    assert errors.invalid_value("spec.x", value, "bad").message == f"Invalid value: {text}: bad"
