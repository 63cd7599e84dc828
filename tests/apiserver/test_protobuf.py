"""Clients that speak protobuf: bodies in it, answers in it when nothing else is accepted."""

from __future__ import annotations

import anyio
import pytest

from kubepy.api.protobuf import MEDIA_TYPE, decode_object, encode_object, wire

from .conftest import CONFIG_MAPS, Client, config_map

pytestmark = pytest.mark.anyio


async def test_objects_and_lists_both_ways(admin: Client) -> None:
    body = encode_object({"apiVersion": "v1", "kind": "ConfigMap", **config_map("a", x="y")})
    made = await admin.post(CONFIG_MAPS, body, Content_Type=MEDIA_TYPE, Accept=MEDIA_TYPE)
    assert (made.status, made.headers["Content-Type"]) == (201, MEDIA_TYPE)
    assert decode_object(made.body)["data"] == {"k": "v"}
    found = decode_object((await admin.get(f"{CONFIG_MAPS}/a", Accept=MEDIA_TYPE)).body)
    assert found == (await admin.get(f"{CONFIG_MAPS}/a")).json
    listed = decode_object((await admin.get(CONFIG_MAPS, Accept=MEDIA_TYPE)).body)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]


async def test_json_is_sent_to_who_reads_both(admin: Client) -> None:
    answer = await admin.get(CONFIG_MAPS, Accept=f"{MEDIA_TYPE},application/json")
    assert answer.json["kind"] == "ConfigMapList"


async def test_a_failure_is_a_status(admin: Client) -> None:
    answer = await admin.get(f"{CONFIG_MAPS}/none", Accept=MEDIA_TYPE)
    assert (answer.status, answer.json["reason"]) == (404, "NotFound")


async def test_watch_frames_have_their_length_in_front(admin: Client) -> None:
    async with admin.session.get(
        f"{admin.base}{CONFIG_MAPS}?watch=1", headers={"Accept": MEDIA_TYPE}
    ) as response:
        assert response.headers["Content-Type"] == f"{MEDIA_TYPE};stream=watch"
        await admin.post(CONFIG_MAPS, config_map("a"))
        with anyio.fail_after(5):
            length = int.from_bytes(await response.content.readexactly(4), "big")
            event = wire.parts(await response.content.readexactly(length))
    assert event[1] == b"ADDED"
    assert decode_object(wire.parts(event[2])[1])["metadata"]["name"] == "a"
