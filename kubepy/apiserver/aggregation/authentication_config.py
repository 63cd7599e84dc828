"""The ConfigMap from which extension API servers learn whom to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from kubepy.api import resources as r
from kubepy.apiserver.bootstrap.objects import context, ensure
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"


async def publish(server: APIServer) -> None:
    """Make the ConfigMap, or put in what the server's configuration now says."""
    config = server.config
    data: dict[str, str] = {}
    if config.client_ca_file is not None:
        data["client-ca-file"] = config.client_ca_file.read_text()
    if config.requestheader_client_ca_file is not None:
        data |= {
            "requestheader-client-ca-file": config.requestheader_client_ca_file.read_text(),
            "requestheader-allowed-names": orjson.dumps(config.requestheader_allowed_names).decode(),
            "requestheader-username-headers": '["X-Remote-User"]',
            "requestheader-uid-headers": '["X-Remote-Uid"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
            "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
        }
    made = {"metadata": {"namespace": NAMESPACE, "name": NAME}, "data": data}
    if await ensure(server, r.CONFIG_MAPS, made):
        return

    async def change(old: Obj) -> Obj:
        return {**old, "data": {**(old.get("data") or {}), **data}}

    store = server.served.get(r.CONFIG_MAPS).store
    await store.update(context("update", NAMESPACE), NAMESPACE, NAME, change, internal=True)
