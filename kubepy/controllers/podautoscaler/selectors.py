"""A label selector as Go prints it: what Kubernetes' messages about metrics show. Pure."""

from __future__ import annotations

from kubepy.machinery.meta import Obj


def go_selector(selector: Obj | None) -> str:
    """``%+v`` of a \\*metav1.LabelSelector."""
    if selector is None:
        return "nil"
    pairs = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        "LabelSelectorRequirement{"
        f"Key:{each['key']},Operator:{each['operator']},Values:[{' '.join(each.get('values') or ())}],"
        "},"
        for each in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{pairs}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
