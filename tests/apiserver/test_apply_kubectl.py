"""Stock kubectl's server-side apply against the server."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from .test_kubectl import MANIFEST, Kubectl, kubectl

__all__ = ["kubectl"]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {one: '1', two: '2'}\n"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def managers(kubectl: Kubectl, *what: str) -> dict[tuple[str, str, str], Any]:
    obj = json.loads(await kubectl("get", *what, "-o", "json", "--show-managed-fields"))
    return {
        (e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"]
        for e in obj["metadata"].get("managedFields", [])
    }


async def test_apply_show_conflict_force(kubectl: Kubectl) -> None:
    first = await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    assert first.splitlines() == [
        "deployment.apps/web serverside-applied",
        "service/web serverside-applied",
        "configmap/settings serverside-applied",
    ]
    version = await kubectl("get", "deploy", "web", "-o", "jsonpath={.metadata.resourceVersion}")
    await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.metadata.resourceVersion}") == version
    assert "managedFields" not in await kubectl("get", "deploy", "web", "-o", "yaml")
    assert set(await managers(kubectl, "deploy", "web")) == {("kubectl", "Apply", "")}

    await kubectl("scale", "deploy/web", "--replicas=5")
    assert ("kubectl", "Update", "scale") in await managers(kubectl, "deploy", "web")
    refused = await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST, fails=True)
    assert (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: '
        ".spec.replicas"
    ) in refused
    forced = await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=MANIFEST)
    assert "deployment.apps/web serverside-applied" in forced
    assert set(await managers(kubectl, "deploy", "web")) == {("kubectl", "Apply", "")}
    without = MANIFEST.replace("  replicas: 2\n", "")
    await kubectl("apply", "--server-side", "-f", "-", stdin=without)
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "1"


async def test_managers_share_an_object(kubectl: Kubectl) -> None:
    await kubectl("apply", "--server-side", "-f", "-", stdin=SETTINGS)
    other = SETTINGS.replace("one: '1', two: '2'", "two: '2', three: '3'")
    await kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=other)
    assert set(await managers(kubectl, "cm", "settings")) == {
        ("kubectl", "Apply", ""),
        ("other", "Apply", ""),
    }
    mine = SETTINGS.replace(", two: '2'", "")
    await kubectl("apply", "--server-side", "-f", "-", stdin=mine)
    data = json.loads(await kubectl("get", "cm", "settings", "-o", "json"))["data"]
    assert data == {"one": "1", "two": "2", "three": "3"}


async def test_diff_and_dry_run(kubectl: Kubectl) -> None:
    await kubectl("apply", "--server-side", "-f", "-", stdin=SETTINGS)
    changed = SETTINGS.replace("one: '1'", "one: '9'")
    diff = await kubectl("diff", "--server-side", "-f", "-", stdin=changed, fails=True)
    assert '-  one: "1"' in diff
    assert '+  one: "9"' in diff
    assert not await kubectl("diff", "--server-side", "-f", "-", stdin=SETTINGS)
    dry = await kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=changed)
    assert dry == "configmap/settings serverside-applied (server dry run)\n"
    assert await kubectl("get", "cm", "settings", "-o", "jsonpath={.data.one}") == "1"
    await kubectl("patch", "cm", "settings", "--field-manager=other", "-p", '{"data":{"one":"2"}}')
    conflict = await kubectl("diff", "--server-side", "-f", "-", stdin=changed, fails=True)
    assert 'Apply failed with 1 conflict: conflict with "other" using v1: .data.one' in conflict


async def test_from_client_side_to_server_side_and_back(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=SETTINGS)
    assert set(await managers(kubectl, "cm", "settings")) == {("kubectl-client-side-apply", "Update", "")}
    changed = SETTINGS.replace("one: '1', two: '2'", "one: '3'")
    assert "settings serverside-applied" in await kubectl("apply", "--server-side", "-f", "-", stdin=changed)
    owners = await managers(kubectl, "cm", "settings")
    assert owners == {
        ("kubectl", "Apply", ""): {"f:data": {"f:one": {}}},
        ("kubectl-last-applied", "Apply", ""): {"f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}},
    }
    assert json.loads(await kubectl("get", "cm", "settings", "-o", "json"))["data"] == {"one": "3"}
    last = json.loads(await kubectl("apply", "view-last-applied", "cm/settings", "-o", "json"))
    assert last["data"] == {"one": "3"}
    # Client-side apply still knows what was applied, and removes what it does not find any more.
    await kubectl("apply", "-f", "-", stdin=SETTINGS.replace("one: '1', two: '2'", "four: '4'"))
    assert json.loads(await kubectl("get", "cm", "settings", "-o", "json"))["data"] == {"four": "4"}


async def test_other_commands_are_managers_of_their_own(kubectl: Kubectl) -> None:
    await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    await kubectl("label", "deploy", "web", "tier=front")
    await kubectl("annotate", "deploy", "web", "note=x")
    await kubectl("set", "image", "deploy/web", "web=nginx:7")
    owners = await managers(kubectl, "deploy", "web")
    assert set(owners) == {
        ("kubectl", "Apply", ""),
        ("kubectl-label", "Update", ""),
        ("kubectl-annotate", "Update", ""),
        ("kubectl-set", "Update", ""),
    }
    assert owners["kubectl-label", "Update", ""] == {"f:metadata": {"f:labels": {"f:tier": {}}}}
    template = owners["kubectl-set", "Update", ""]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert template == {'k:{"name":"web"}': {"f:image": {}}}


async def test_what_apply_refuses(kubectl: Kubectl) -> None:
    unknown = MANIFEST.replace("replicas: 2", "replicaz: 2")
    answer = await kubectl("apply", "--server-side", "-f", "-", stdin=unknown, fails=True)
    assert (
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replicaz: "
        "field not declared in schema"
    ) in answer
    generated = SETTINGS.replace("{name: settings}", "{generateName: settings-}")
    answer = await kubectl("apply", "--server-side", "-f", "-", stdin=generated, fails=True)
    assert "from settings-: cannot use generate name with apply" in answer


async def test_edit_takes_the_fields_it_changes(kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    await kubectl("apply", "--server-side", "-f", "-", stdin=SETTINGS)
    monkeypatch.setenv("KUBE_EDITOR", 'sed -i \'s/one: "1"/one: "8"/\'')
    assert "configmap/settings edited" in await kubectl("edit", "cm", "settings")
    owners = await managers(kubectl, "cm", "settings")
    assert owners["kubectl-edit", "Update", ""] == {"f:data": {"f:one": {}}}
    assert owners["kubectl", "Apply", ""] == {"f:data": {"f:two": {}}}


async def test_set_last_applied(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=SETTINGS)
    changed = SETTINGS.replace("one: '1'", "one: '9'")
    done = await kubectl("apply", "set-last-applied", "-f", "-", stdin=changed)
    assert done == "configmap/settings configured\n"
    last = json.loads(await kubectl("apply", "view-last-applied", "cm/settings", "-o", "json"))
    assert last["data"] == {"one": "9", "two": "2"}
    assert await kubectl("get", "cm", "settings", "-o", "jsonpath={.data.one}") == "1"
