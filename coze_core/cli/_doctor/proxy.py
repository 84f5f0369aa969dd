"""Whether a proxy stands in the way: the usual variables, and whether it answers."""

from __future__ import annotations

import importlib.util
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy on the way to the server.

    Attributes:
        url: Scheme, host and port, without a password; None if there is no proxy.
        passed_by: What of NO_PROXY lets the server be reached without it.
        error: Why it could not be connected to; `""` if it could.
        can_socks: Whether what SOCKS needs is installed.
    """

    url: str | None = None
    passed_by: str = ""
    error: str = ""
    can_socks: bool = True


def run(patient: Patient) -> Result:
    """Check the proxy."""
    found = probe(patient)
    patient.proxied = found.url
    return judge(found)


def probe(patient: Patient) -> Proxy:
    """Find the proxy and knock at it."""
    url, passed_by = chosen(patient.base_url, urllib.request.getproxies())
    if url is None:
        return Proxy(passed_by=passed_by)
    parts = urlsplit(url)
    if not _has_port(url):
        return Proxy(f"{parts.scheme}://{parts.hostname}", error="its port is not a number")
    port = parts.port or _PORTS.get(parts.scheme, 80)
    shown = f"{parts.scheme}://{parts.hostname}:{port}"
    can_socks = importlib.util.find_spec("socksio") is not None
    error = ""
    if parts.scheme in _PORTS:
        try:
            address = (parts.hostname or "", port)
            socket.create_connection(address, timeout=patient.timeout).close()
        except (OSError, UnicodeError) as problem:
            error = str(problem) or type(problem).__name__
    return Proxy(shown, error=error, can_socks=can_socks)


def judge(proxy: Proxy) -> Result:
    """Say whether the proxy serves."""
    if proxy.url is None:
        return ok(
            f"none for this host (NO_PROXY: {proxy.passed_by})" if proxy.passed_by else "none"
        )
    scheme = proxy.url.partition("://")[0]
    if scheme not in _PORTS:
        return failed(
            f"the proxy {proxy.url} is of an unknown kind",
            "Write HTTP_PROXY / HTTPS_PROXY / ALL_PROXY as http://host:port or socks5://host:port.",
            "代理地址应写作 http://主机:端口 或 socks5://主机:端口。",
        )
    if scheme.startswith("socks") and not proxy.can_socks:
        return failed(
            f"the proxy {proxy.url} speaks SOCKS, for which a package is missing",
            "Run: pip install 'coze-bridge[socks]'",
            "缺少 SOCKS 依赖，请运行：pip install 'coze-bridge[socks]'",
        )
    if proxy.error:
        return failed(
            f"the proxy {proxy.url} does not answer: {proxy.error}",
            "Start it, correct HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, or put the host into NO_PROXY.",
            "代理无响应：请启动代理、修正 HTTP(S)_PROXY，或将该主机加入 NO_PROXY。",
        )
    return ok(proxy.url)


def chosen(base_url: str, proxies: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the proxy for an address as the HTTP library chooses it, and what passes it by.

    Args:
        base_url: The address.
        proxies: Proxies by scheme, `all`, and `no` for the hosts without.
    """
    parts = urlsplit(base_url)
    url = proxies.get(parts.scheme) or proxies.get("all")
    if not url:
        return None, ""
    for entry in (text.strip() for text in proxies.get("no", "").split(",")):
        if entry and _matches(entry, parts.hostname or "", parts.port):
            return None, entry
    return (url if "://" in url else f"http://{url}"), ""


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    entry = entry if "://" in entry else f"//{entry}"
    if not _has_port(entry):
        return False
    parts = urlsplit(entry)
    wanted = parts.hostname or ""
    if parts.port is not None and parts.port != port:
        return False
    if wanted == "localhost" or _is_ip(wanted) or parts.scheme:
        return host == wanted
    bare = wanted.lstrip(".")
    return host.endswith(f".{bare}") or (host == bare and not wanted.startswith("."))


def _has_port(url: str) -> bool:
    """Whether the port is none, or one that can be."""
    try:
        urlsplit(url).port  # noqa: B018 - raises for anything else
    except ValueError:
        return False
    return True


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
