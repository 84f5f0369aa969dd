"""Serves an ASGI application with uvicorn on a loopback socket, in a thread."""

import asyncio
import contextlib
import socket
import threading

import uvicorn

KEY = "sk-gateway-0123456789abcdef"  # of the gateways in tests


@contextlib.contextmanager
def serving(app, **options):
    """Yield the address; what runs is finished before this ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="on", **options)
    server = uvicorn.Server(config)
    started = threading.Event()

    async def run():
        serve = asyncio.ensure_future(server.serve([listening]))
        while not server.started and not serve.done():
            await asyncio.sleep(0)
        started.set()
        await serve

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
