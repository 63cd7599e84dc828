"""What a policy's status says about its expressions."""

from __future__ import annotations

from typing import Any

from kubepy.controllers.admission_policy.checking import matched_kinds, warnings


def policy(*expressions: str, **spec: Any) -> dict[str, Any]:
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["deployments", "*"],
    }
    return {
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": expression} for expression in expressions],
            **spec,
        }
    }


def test_only_kinds_that_are_named_are_checked() -> None:
    assert [str(kind) for kind in matched_kinds(policy())] == ["apps/v1, Kind=Deployment"]


def test_wrong_fields_are_told_with_their_place() -> None:
    (found,) = warnings(policy("object.spec.replicas > 1", "object.spec.replicsa > 1"))
    assert found == {
        "fieldRef": "spec.validations[1].expression",
        "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replicsa'\n"
        " | object.spec.replicsa > 1\n"
        " | ...........^",
    }


def test_types_go_through_variables_lists_and_maps() -> None:
    variables = [{"name": "containers", "expression": "object.spec.template.spec.containers"}]
    good = "variables.containers.all(c, c.image.startsWith('x')) && object.metadata.labels['a'] == 'b'"
    assert warnings(policy(good, variables=variables)) == []
    (found,) = warnings(policy("variables.containers.all(c, c.image > 1)", variables=variables))
    assert "found no matching overload for '_>_' applied to '(string, int)'" in found["warning"]
