"""Whether the gateway can listen where it is told to."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Final

from openai_coze._wrong import wrong

_NOT_HERE: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_LAST_PORT: Final = 65535


def check_place(host: str, port: int, uds: str | None) -> None:
    """Refuse an address that nobody can listen at; else the server would say it in its own way.

    Args:
        host: A name or an address.
        port: The port; 0 for a free one.
        uds: A Unix socket instead.

    Raises:
        ValueError: What is wrong with it.
    """
    if uds is not None:
        folder = Path(uds).absolute().parent
        if not folder.is_dir():
            raise ValueError(f"--uds: there is no folder {str(folder)!r} / --uds 所在目录不存在")
        return
    if not 0 <= port <= _LAST_PORT:
        raise ValueError(wrong("--port", f"from 0 to {_LAST_PORT}", f"在 0 至 {_LAST_PORT} 之间"))
    try:
        _bind(host, port)
    except OSError as error:
        raise ValueError(
            f"it cannot listen at {host} port {port} ({error.strerror}): is something else there? "
            f"Choose another --host or --port / 无法监听 {host} 端口 {port}：可能已被占用，"
            "请更换 --host 或 --port"
        ) from error


def _bind(host: str, port: int) -> None:
    """Take all addresses of a host for a moment; some may be of a network that is not here."""
    missing: OSError | None = None
    bound = False
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                if os.name == "posix":  # elsewhere it would take the place of a server that runs
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                bound = True
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            missing = error
    if missing is not None and not bound:
        raise missing
