"""Serves an ASGI application with uvicorn on a loopback socket, in a thread."""

import asyncio
import contextlib
import socket
import threading

import uvicorn

KEY = "sk-gateway-0123456789abcdef"  # of the gateways in tests


class PromptServer(uvicorn.Server):
    """Ends when it is told to: uvicorn looks every tenth of a second, and then waits another."""

    def __init__(self, config):
        super().__init__(config)
        self.running = threading.Event()  # or it has failed to

    async def main_loop(self):
        await self.on_tick(0)
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        self.running.set()
        await self._told.wait()

    async def shutdown(self, sockets=None):
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()  # after the answer that it is sending
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()

    def run(self, sockets=None):
        try:
            asyncio.run(self.serve(sockets))
        finally:
            self.running.set()

    def stop(self):
        if self.started:
            self._loop.call_soon_threadsafe(self._told.set)


@contextlib.contextmanager
def serving(app, **options):
    """Yield the address; what runs is finished before this ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="on", **options)
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    server.running.wait()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.stop()
        thread.join()
