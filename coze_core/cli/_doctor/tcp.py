"""Whether the server can be connected to."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped


@dataclass(frozen=True, slots=True)
class Reached:
    """How connecting went.

    Attributes:
        seconds: How long it took.
        error: Why it failed; `""` if it did not.
        timed_out: Whether nobody answered at all.
    """

    seconds: float = 0.0
    error: str = ""
    timed_out: bool = False


def run(patient: Patient) -> Result:
    """Check the connection."""
    if patient.proxied is not None:
        return skipped("the proxy connects")
    return judge(patient.host, patient.port, probe(patient))


def probe(patient: Patient) -> Reached:
    """Connect."""
    started = time.perf_counter()
    try:
        socket.create_connection((patient.host, patient.port), timeout=patient.timeout).close()
    except OSError as error:
        timed_out = isinstance(error, TimeoutError)
        return Reached(0.0, error.strerror or str(error) or type(error).__name__, timed_out)
    return Reached(time.perf_counter() - started)


def judge(host: str, port: int, reached: Reached) -> Result:
    """Say whether somebody is there."""
    if reached.timed_out:
        return failed(
            f"{host}:{port} does not answer: {reached.error}",
            "A firewall may be in the way, or a proxy is needed: set HTTPS_PROXY.",
            "连接超时：可能被防火墙拦截，或需要设置代理 HTTPS_PROXY。",
        )
    if reached.error:
        return failed(
            f"{host}:{port} cannot be connected to: {reached.error}",
            "Check host and port of base_url, and that the server (or emulator) is running.",
            "无法连接：请检查 base_url 的主机和端口，并确认服务已启动。",
        )
    return ok(f"{host}:{port} in {1000 * reached.seconds:.0f} ms")
