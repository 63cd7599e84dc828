from concurrent import futures
from pathlib import Path
from threading import Event

import anyio
import grpc
import pytest
from cri_api.v1 import api_pb2 as m
from cri_api.v1 import api_pb2_grpc

from kubepy.cri import CRIError
from kubepy.cri.remote import RemoteRuntime

pytestmark = pytest.mark.anyio


async def test_a_runtime_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async with RemoteRuntime(f"unix://{tmp_path}/none.sock") as runtime:
        with pytest.raises(CRIError) as failure:
            await runtime.version()
    assert failure.value.code == "Unavailable"


async def test_a_call_that_is_cut_short_ends_its_own_scope_only(tmp_path: Path) -> None:
    release = Event()

    class Runtime(api_pb2_grpc.RuntimeServiceServicer):
        def StopPodSandbox(self, request: object, context: object) -> object:
            release.wait(10)
            return m.StopPodSandboxResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    api_pb2_grpc.add_RuntimeServiceServicer_to_server(Runtime(), server)
    server.add_insecure_port(f"unix://{tmp_path}/cri.sock")
    server.start()
    survived = False
    try:
        async with (
            RemoteRuntime(f"unix://{tmp_path}/cri.sock") as runtime,
            anyio.create_task_group() as group,
        ):

            async def cut_short() -> None:
                nonlocal survived
                with anyio.CancelScope() as scope:
                    group.start_soon(cancel, scope)
                    await runtime.stop_pod_sandbox("s")
                survived = scope.cancelled_caught

            async def cancel(scope: anyio.CancelScope) -> None:
                await anyio.sleep(0.3)
                scope.cancel()

            group.start_soon(cut_short)
        assert survived
        assert not group.cancel_scope.cancel_called
    finally:
        release.set()
        server.stop(None).wait()
