"""Owner references, status and apply: what is sent, and when nothing is."""

from typing import Any, cast

import pytest

from kubepy.client import MissingKind, RawResponse
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import Applier, Status, owner
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio
WEBS = GVR("example.com", "v1", "webs")


class Recorded:
    """Stands in for a Client: discovery of one group, and every patch."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.patches: list[tuple[GVR, str, Any, dict[str, Any]]] = []

    async def raw(self, method: str, path: str) -> RawResponse:
        self.asked.append(path)
        return RawResponse(
            200,
            {},
            b'{"resources": [{"name": "webs/status", "kind": "Web", "namespaced": true},'
            b'{"name": "webs", "kind": "Web", "namespaced": true},'
            b'{"name": "zones", "kind": "Zone", "namespaced": false}]}',
        )

    async def patch(self, gvr: GVR, name: str, change: Any, **options: Any) -> Obj:
        self.patches.append((gvr, name, change, options))
        return {"metadata": {"name": name}}


def web(name: str = "w", namespace: str = "a", **metadata: Any) -> Obj:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Web",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", **metadata},
    }


def test_one_controller_and_any_number_of_owners() -> None:
    child: Obj = {"metadata": {"name": "c", "namespace": "a"}}
    owner.set_owner(web("first"), child)
    owner.set_controller(web("second"), child)
    assert [r.get("controller", False) for r in child["metadata"]["ownerReferences"]] == [False, True]
    with pytest.raises(owner.AlreadyOwned, match="already owned by another Web controller second"):
        owner.set_controller(web("third"), child)
    # The owner was deleted and made anew under its name: the new one takes its place.
    again = web("second")
    again["metadata"]["uid"] = "new"
    owner.set_controller(again, child)
    assert owner.has(again, child)
    assert not owner.has(web("second"), child)
    assert owner.remove(again, child)
    assert not owner.remove(again, child)
    assert len(child["metadata"]["ownerReferences"]) == 1


def test_owners_in_other_namespaces_are_refused() -> None:
    with pytest.raises(ValueError, match="cross-namespace owner references are disallowed"):
        owner.set_controller(web(), {"metadata": {"name": "c", "namespace": "b"}})
    with pytest.raises(ValueError, match="cluster-scoped resource must not have a namespace-scoped owner"):
        owner.set_controller(web(), {"metadata": {"name": "c"}})
    zone: Obj = {"apiVersion": "example.com/v1", "kind": "Zone", "metadata": {"name": "z", "uid": "z"}}
    assert owner.has(zone, owner.set_controller(zone, {"metadata": {"name": "c", "namespace": "b"}}))


async def test_a_status_is_written_only_when_it_differs() -> None:
    clock, client = FakeClock(), Recorded()
    obj = web(generation=3) | {"status": {"replicas": 1, "old": "x"}}
    status = Status(obj, clock)
    status["replicas"] = 2
    assert status.set_condition("Ready", False, "Waiting", "one of two")
    await status.write(cast(Any, client), WEBS)
    [(gvr, name, change, options)] = client.patches
    assert (gvr, name, options) == (WEBS, "w", {"namespace": "a", "subresource": "status"})
    assert change["status"] == {
        "replicas": 2,
        "observedGeneration": 3,
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "Waiting",
                "message": "one of two",
                "observedGeneration": 3,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    assert obj["status"] == {"replicas": 1, "old": "x"}  # the cache's object is as it was
    obj["status"] |= change["status"]
    clock.advance(60)
    again = Status(obj, clock)
    again["replicas"] = 2
    assert not again.set_condition("Ready", False, "Waiting", "one of two")
    await again.write(cast(Any, client), WEBS)
    assert len(client.patches) == 1
    assert again.set_condition("Ready", True, "Done")
    assert again.is_true("Ready")
    assert again["conditions"][0]["lastTransitionTime"] == "2026-01-01T00:01:00Z"


async def test_apply_asks_discovery_once_and_owns() -> None:
    client = Recorded()
    applier = Applier(cast(Any, client), "web-operator")
    intent: Obj = web("child") | {"spec": {"x": 1}}
    await applier.apply_all([intent, web("other")], owner=web("parent"))
    assert client.asked == ["/apis/example.com/v1"]
    gvr, name, sent, options = client.patches[0]
    assert (gvr, name) == (WEBS, "child")
    assert sent["metadata"]["ownerReferences"][0]["name"] == "parent"
    assert "ownerReferences" not in intent["metadata"]
    assert (options["type"], options["field_manager"], options["force"]) == ("apply", "web-operator", True)
    zone: Obj = {"apiVersion": "example.com/v1", "kind": "Zone", "metadata": {"name": "z"}}
    await applier.apply(zone)
    assert client.patches[-1][3]["namespace"] is None
    with pytest.raises(MissingKind, match="no matches for kind"):
        await applier.apply(zone | {"kind": "Nope"})
    await applier.apply_status(web(), {"ready": True})
    _, _, sent, options = client.patches[-1]
    assert sent == {
        "apiVersion": "example.com/v1",
        "kind": "Web",
        "metadata": {"name": "w", "namespace": "a"},
        "status": {"ready": True},
    }
    assert options["subresource"] == "status"
