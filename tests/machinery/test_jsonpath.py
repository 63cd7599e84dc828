"""kubectl's JSONPath dialect."""

import pytest

from kubepy.machinery.jsonpath import JSONPath, JSONPathError, relaxed

PODS = {
    "kind": "List",
    "items": [
        {
            "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"containers": [{"name": "x", "image": "i1"}, {"name": "y", "image": "i2"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "n": 2},
        },
        {
            "metadata": {"name": "b"},
            "spec": {"containers": [{"name": "z", "image": "i3"}]},
            "status": {"conditions": [{"type": "Ready", "status": "False"}], "n": 10, "on": True},
        },
    ],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.kind}", "List"),
        ("{$.kind}: {['kind']}", "List: List"),
        ("{.items[*].metadata.name}", "a b"),
        ("{.items[-1].metadata.name}", "b"),
        ("{.items[0:2].metadata.name}", "a b"),
        ("{.items[0,1].metadata.name}", "a b"),
        ("{.items[0]['metadata.name','status.n']}", ""),
        (r"{.items[0].metadata.labels.app\.kubernetes\.io/name}", "web"),
        ("{.items[0].metadata.labels['app.kubernetes.io/name']}", "web"),
        ("{..image}", "i1 i2 i3"),
        ('{range .items[*]}{.metadata.name}{"\\t"}{.status.n}{"\\n"}{end}', "a\t2\nb\t10\n"),
        ("{range .items[*]}[{range .spec.containers[*]}{.name},{end}]{end}", "[x,y,][z,]"),
        ('{.items[?(@.status.conditions[?(@.type=="Ready")].status=="True")].metadata.name}', "a"),
        ("{.items[?(@.status.n>2)].metadata.name}", "b"),
        ("{.items[?(@.status.on==true)].metadata.name}", "b"),
        ("{.items[?(@.status.on)].metadata.name}", "b"),
        ("{.items[0].status.conditions}", '[{"status":"True","type":"Ready"}]'),
        ("{.items[1].status.on}", "true"),
        ("{.absent.too}", ""),
        ("plain {'quoted'} text", "plain quoted text"),
        ("{.items[*]['metadata']['name']}", "a b"),
        ("{@.kind}{.items[*].spec.containers[*].name}", "Listx y z"),
    ],
)
def test_render(template: str, text: str) -> None:
    assert JSONPath(template).render(PODS) == text


def test_missing_keys_are_errors_when_asked_for() -> None:
    with pytest.raises(JSONPathError, match="absent is not found"):
        JSONPath("{.absent}", allow_missing_keys=False).render(PODS)
    with pytest.raises(JSONPathError, match="array index out of bounds: index 7, length 2"):
        JSONPath("{.items[7]}").render(PODS)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.kind[0]}", "string is not array or slice"),
        ("{.items[1:0]}", "starting index 1 is greater than ending index 0"),
        ("{.items[0:5]}", "array index out of bounds: index 5, length 2"),
    ],
)
def test_impossible_indices_are_errors_even_when_keys_may_be_missing(template: str, message: str) -> None:
    with pytest.raises(JSONPathError, match=message):
        JSONPath(template).render(PODS)


def test_a_union_gives_all_of_its_first_member_first() -> None:
    template = "{.items[*].metadata['name','labels']}"
    assert JSONPath(template).render(PODS) == 'a b {"app.kubernetes.io/name":"web"}'


@pytest.mark.parametrize(
    "template", ["{kind}", "{.items", "{end}", "{range .items[*]}x", "{.items[}", "{.items[x]}", "{.a|}"]
)
def test_malformed(template: str) -> None:
    with pytest.raises(JSONPathError):
        JSONPath(template)


@pytest.mark.parametrize(
    "expression", ["metadata.name", ".metadata.name", "{metadata.name}", "{.metadata.name}"]
)
def test_relaxed(expression: str) -> None:
    assert relaxed(expression).find(PODS["items"][0]) == ["a"]  # type: ignore[index]
