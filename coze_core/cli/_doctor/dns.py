"""Whether the server's name can be looked up."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped


@dataclass(frozen=True, slots=True)
class Found:
    """What the name was looked up to.

    Attributes:
        addresses: The addresses.
        error: Why there are none.
    """

    addresses: tuple[str, ...] = ()
    error: str = ""


def run(patient: Patient) -> Result:
    """Check the name."""
    if patient.proxied is not None:
        return skipped("the proxy looks the name up")
    return judge(patient.host, probe(patient))


def probe(patient: Patient) -> Found:
    """Look the name up."""
    try:
        found = socket.getaddrinfo(patient.host, patient.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter for names like api..coze.com
        return Found(error=getattr(error, "strerror", None) or str(error))
    return Found(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))


def judge(host: str, found: Found) -> Result:
    """Say whether the name stands for something."""
    if found.error:
        return failed(
            f"the name {host} cannot be looked up: {found.error}",
            "Check base_url for a typing error, and the network and its DNS server.",
            "域名无法解析：请检查 base_url 是否有误，以及网络和 DNS 设置。",
        )
    return ok(", ".join(found.addresses[:4]))
