"""On the official client: list, then watch, one object after the other, as its examples do."""

from __future__ import annotations

import sys
from typing import Any

import kubernetes as untyped

from bench.operators import GROUP, PLURAL, VERSION

client: Any = untyped


def reconcile(api: Any, widget: dict[str, Any]) -> None:
    size = widget["spec"]["size"]
    if (widget.get("status") or {}).get("seen") != size:
        metadata = widget["metadata"]
        api.patch_namespaced_custom_object_status(
            GROUP, VERSION, metadata["namespace"], PLURAL, metadata["name"], {"status": {"seen": size}}
        )


def main() -> None:
    client.config.load_kube_config()
    api = client.client.CustomObjectsApi()
    while True:
        listed = api.list_namespaced_custom_object(GROUP, VERSION, sys.argv[1], PLURAL)
        for widget in listed["items"]:
            reconcile(api, widget)
        version = listed["metadata"]["resourceVersion"]
        del listed
        try:
            follow(api, version)
        except client.client.ApiException as error:
            if error.status != 410:
                raise


def follow(api: Any, version: str) -> None:
    """Watch until the server no longer knows the version (ApiException 410)."""
    while True:
        stream = client.watch.Watch().stream(
            api.list_namespaced_custom_object, GROUP, VERSION, sys.argv[1], PLURAL, resource_version=version
        )
        for event in stream:
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "DELETED":
                reconcile(api, event["object"])


if __name__ == "__main__":
    main()
