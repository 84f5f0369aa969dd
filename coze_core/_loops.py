"""Which event loop runs now."""

from __future__ import annotations

import asyncio
import sys


def running_loop() -> object:
    """Return what stands for the running event loop: asyncio's loop, or trio's token."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")  # if trio runs us, it has been imported
        if trio is None:
            raise
        token: object = trio.lowlevel.current_trio_token()
        return token
