import anyio
import pytest

from kubepy.streaming import StreamReset, portforward

from .test_spdy import pair, read_all

pytestmark = pytest.mark.anyio


async def test_streams_are_opened_again_on_the_other_side_with_their_headers() -> None:
    async with pair() as (kubectl, kubelet), pair() as (dialled, runtime), anyio.create_task_group() as group:
        group.start_soon(portforward.bridge, kubelet, dialled)
        data = await kubectl.open_stream({"streamtype": "data", "port": "80", "requestid": "0"})
        error = await kubectl.open_stream({"streamtype": "error", "port": "80", "requestid": "0"})
        far = {}
        for _ in range(2):
            stream = await runtime.accept()
            far[stream.headers["streamtype"]] = stream
        assert far["data"].headers == {"streamtype": "data", "port": "80", "requestid": "0"}
        await data.send(b"GET /")
        await data.send_eof()
        assert await read_all(far["data"]) == b"GET /"
        await far["data"].send(b"200")
        await far["data"].send_eof()
        await far["error"].send_eof()
        assert (await read_all(data), await read_all(error)) == (b"200", b"")
        group.cancel_scope.cancel()


async def test_a_reset_is_passed_on() -> None:
    async with pair() as (kubectl, kubelet), pair() as (dialled, runtime), anyio.create_task_group() as group:
        group.start_soon(portforward.bridge, kubelet, dialled)
        data = await kubectl.open_stream({"streamtype": "data"})
        await (await runtime.accept()).reset()
        with pytest.raises(StreamReset):
            await data.receive()
        group.cancel_scope.cancel()


async def test_ends_when_the_client_has_gone() -> None:
    async with pair() as (kubectl, kubelet), pair() as (dialled, _), anyio.create_task_group() as group:
        group.start_soon(portforward.bridge, kubelet, dialled)
        await kubectl.open_stream({})
        await kubectl._transport.aclose()
