"""The HTTPS server of a node."""

from __future__ import annotations

import ssl

import anyio
import anyio.abc
from aiohttp import web

from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pod_workers import PodWorkers


class KubeletServer:
    """Serves while `run` runs."""

    def __init__(self, node: NodeContext, workers: PodWorkers) -> None:
        self._node = node
        self._workers = workers

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            config = self._node.config
            await web.TCPSite(runner, config.address, config.port, ssl_context=self._tls()).start()
            task_status.started()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        config = self._node.config
        if config.tls_cert_file is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
        if config.client_ca_file is not None:
            context.load_verify_locations(config.client_ca_file)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")
