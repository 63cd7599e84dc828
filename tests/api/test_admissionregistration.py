"""Rules of webhook configurations and admission policies."""

from __future__ import annotations

from typing import Any

from kubepy.api.scheme import SCHEME

GROUP = "admissionregistration.k8s.io/v1"
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


def problems(kind: str, **fields: Any) -> list[str]:
    obj = {"apiVersion": GROUP, "kind": kind, "metadata": {"name": "x"}, **fields}
    known = SCHEME.kind_of(obj)
    known.decode(obj)
    known.default(obj)
    return [str(cause) for cause in known.validate_create(obj)]


def webhook(**fields: Any) -> dict[str, Any]:
    made = {
        "name": "a.b.c",
        "clientConfig": {"url": "https://example.com/"},
        "rules": [RULE],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
    }
    return {**made, **fields}


def webhook_problems(**fields: Any) -> list[str]:
    return problems("ValidatingWebhookConfiguration", webhooks=[webhook(**fields)])


def test_webhooks() -> None:
    assert webhook_problems() == []
    assert webhook_problems(name="short") == [
        'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated '
        "by dots"
    ]
    assert webhook_problems(sideEffects=None) == [
        "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"
    ]
    assert webhook_problems(sideEffects="Some") == [
        'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'
    ]
    assert webhook_problems(timeoutSeconds=31) == [
        "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"
    ]
    assert webhook_problems(clientConfig={}) == [
        "webhooks[0].clientConfig: Required value: exactly one of url or service is required"
    ]
    assert webhook_problems(clientConfig={"url": "http://example.com"}) == [
        "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; "
        "desired format: https://host[/path]"
    ]
    assert webhook_problems(admissionReviewVersions=["v3"]) == [
        'webhooks[0].admissionReviewVersions: Invalid value: ["v3"]: must include at least one of v1, v1beta1'
    ]
    wild = {**RULE, "resources": ["*/*", "pods"], "apiGroups": ["*", "apps"]}
    assert webhook_problems(rules=[wild]) == [
        'webhooks[0].rules[0].apiGroups: Invalid value: ["*","apps"]: if \'*\' is present, must not specify '
        "other API groups",
        'webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if \'*/*\' is present, must not '
        "specify other resources",
    ]
    twice = problems("MutatingWebhookConfiguration", webhooks=[webhook(), webhook()])
    assert twice == ['webhooks[1].name: Duplicate value: "a.b.c"']


def test_match_conditions() -> None:
    conditions = [
        {"name": "a", "expression": "object.x =="},
        {"name": "a", "expression": "'text'"},
        {"name": "b", "expression": "params == null"},
    ]
    found = webhook_problems(matchConditions=conditions)
    assert found[0].startswith(
        'webhooks[0].matchConditions[0].expression: Invalid value: "object.x ==": compilation failed: '
    )
    assert found[1] == (
        "webhooks[0].matchConditions[1].expression: Invalid value: \"'text'\": must evaluate to bool"
    )
    assert found[2] == 'webhooks[0].matchConditions[1].name: Duplicate value: "a"'
    assert "undeclared reference to 'params'" in found[3]


def policy_problems(kind: str = "Validating", **spec: Any) -> list[str]:
    constraints = {"resourceRules": [RULE]}
    return problems(f"{kind}AdmissionPolicy", spec={"matchConstraints": constraints, **spec})


def test_policies() -> None:
    good = [{"expression": "object.spec.replicas < 3"}]
    assert policy_problems(validations=good) == []
    assert policy_problems(validations=good, matchConstraints=None) == [
        "spec.matchConstraints: Required value"
    ]
    assert len(policy_problems()) == 2
    (found,) = policy_problems(validations=[{"expression": "variables.nosuch"}])
    assert found.startswith(
        'spec.validations[0].expression: Invalid value: "variables.nosuch": compilation failed: ERROR: '
        "<input>:1:10: undefined field 'nosuch'"
    )
    assert policy_problems(validations=[{"expression": "true", "messageExpression": "1"}]) == [
        'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string'
    ]
    assert policy_problems(validations=[{"expression": "true", "reason": "Whim"}]) == [
        'spec.validations[0].reason: Unsupported value: "Whim": supported values: "Forbidden", "Invalid", '
        '"RequestEntityTooLarge", "Unauthorized"'
    ]
    variables = [{"name": "1x", "expression": "1"}, {"name": "y", "expression": "variables.z"}]
    found_all = policy_problems(validations=good, variables=variables)
    assert found_all[0] == 'spec.variables[0].name: Invalid value: "1x": name is not a valid CEL identifier'
    assert "undefined field 'z'" in found_all[1]


def test_mutating_policies() -> None:
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}
    assert policy_problems("Mutating", mutations=[mutation], reinvocationPolicy="Never") == []
    wrong = {"patchType": "JSONPatch", "applyConfiguration": {"expression": "Object{}"}}
    assert policy_problems("Mutating", mutations=[wrong], reinvocationPolicy="Never")[0] == (
        "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"
    )


def test_bindings() -> None:
    def found(**spec: Any) -> list[str]:
        return problems("ValidatingAdmissionPolicyBinding", spec={"policyName": "p", **spec})

    assert found(validationActions=["Deny"]) == []
    assert found() == ["spec.validationActions: Required value"]
    assert "must not contain both Deny and Warn" in found(validationActions=["Deny", "Warn"])[0]
    assert found(validationActions=["Audit", "Audit"]) == [
        'spec.validationActions[1]: Duplicate value: "Audit"'
    ]
    assert found(validationActions=["Deny"], paramRef={"parameterNotFoundAction": "Allow"}) == [
        "spec.paramRef: Required value: one of name or selector must be specified"
    ]
