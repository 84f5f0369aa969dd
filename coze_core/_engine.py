"""What carries the requests of an awaiting client: httpcore, or aiohttp where it is installed.

aiohttp is chosen by itself on event loops of asyncio, unless there is a proxy: those are left to
the HTTP library, which knows all their kinds. `COZE_HTTP_ENGINE` can say `httpx` or `aiohttp`.
"""

from __future__ import annotations

import importlib.util
from typing import Literal, TypeAlias, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from coze_core._config import ClientConfig
from coze_core._environment import from_environment

Engine: TypeAlias = Literal["httpx", "aiohttp"]


def wanted_engine() -> Engine | None:
    """Return what the environment asks for, or None if it leaves the choice.

    Raises:
        ValueError: If there is no such engine, or it is not installed.
    """
    engine = from_environment("engine")
    if engine is None:
        return None
    if engine not in {"httpx", "aiohttp"}:
        raise ValueError(f"COZE_HTTP_ENGINE must be 'httpx' or 'aiohttp', not {engine!r}")
    if engine == "aiohttp" and not installed():
        raise ValueError(
            "COZE_HTTP_ENGINE asks for aiohttp, which is not installed: "
            "pip install 'coze-bridge[aiohttp]' / 未安装 aiohttp，请先安装该扩展"
        )
    return cast("Engine", engine)


def chosen_engine(config: ClientConfig) -> Engine:
    """Return what is to carry the requests on an event loop of asyncio."""
    wanted = wanted_engine()
    if wanted == "httpx" or behind_proxy(config):
        return "httpx"
    return "aiohttp" if wanted == "aiohttp" or installed() else "httpx"


def behind_proxy(config: ClientConfig) -> bool:
    """Whether requests go through a proxy: ours, or one that the system names for this host."""
    if config.proxy is not None:
        return True
    parts = urlsplit(config.base_url)
    proxies = getproxies()
    if not (proxies.get(parts.scheme) or proxies.get("all")):
        return False
    return not proxy_bypass(parts.hostname or "")


def installed() -> bool:
    """Whether aiohttp can be imported."""
    return importlib.util.find_spec("aiohttp") is not None
