"""Whether the server's certificate is trusted."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from coze_core._http import ssl_context
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped


@dataclass(frozen=True, slots=True)
class Shaken:
    """How the handshake went.

    Attributes:
        version: The version of TLS.
        error: Why it failed; `""` if it did not.
        of_certificate: Whether the certificate was the reason.
        speaks_http: Whether the server answers without TLS.
    """

    version: str = ""
    error: str = ""
    of_certificate: bool = False
    speaks_http: bool = False


def run(patient: Patient) -> Result:
    """Check the certificate."""
    if not patient.base_url.startswith("https"):
        return skipped("base_url is http")
    if patient.proxied is not None:
        return skipped("the proxy is asked for a tunnel with the first request")
    return judge(patient.host, probe(patient))


def probe(patient: Patient) -> Shaken:
    """Shake hands, trusting whom all requests trust."""
    try:
        with (
            socket.create_connection(
                (patient.host, patient.port), timeout=patient.timeout
            ) as plain,
            ssl_context().wrap_socket(plain, server_hostname=patient.host) as secure,
        ):
            return Shaken(secure.version() or "")
    except ssl.SSLCertVerificationError as error:
        return Shaken(error=error.verify_message, of_certificate=True)
    except OSError as error:
        told = getattr(error, "reason", None) or str(error) or type(error).__name__
        return Shaken(error=told, speaks_http=_speaks_http(patient))


def _speaks_http(patient: Patient) -> bool:
    address = (patient.host, patient.port)
    try:
        with socket.create_connection(address, timeout=patient.timeout) as plain:
            plain.sendall(f"HEAD / HTTP/1.1\r\nHost: {patient.host}\r\n\r\n".encode())
            return plain.recv(5) == b"HTTP/"
    except OSError:
        return False


def judge(host: str, shaken: Shaken) -> Result:
    """Say whether the server is who it says."""
    if shaken.of_certificate:
        return judge_certificate(host, shaken.error)
    if shaken.speaks_http:
        return failed(
            f"{host} does not speak TLS ({shaken.error})",
            "Write base_url with http:// instead of https://, or use the server's TLS port.",
            "该端口不支持 TLS：请将 base_url 改为 http://，或使用 TLS 端口。",
        )
    if shaken.error:
        return failed(
            f"no secure connection to {host}: {shaken.error}",
            "A firewall or a company's proxy may break it; try another network.",
            "无法建立 TLS 连接：可能被防火墙或公司代理干扰。",
        )
    return ok(shaken.version)


def judge_certificate(host: str, error: str) -> Result:
    """Say why a certificate is not accepted."""
    found = f"the certificate of {host} is not accepted: {error}"
    told = error.lower()
    if "expired" in told or "not yet valid" in told:
        return failed(
            found,
            "Check this machine's clock; if it is right, the server needs a new certificate.",
            "请检查本机时间；若时间正确，则服务端证书已失效。",
        )
    if "mismatch" in told or "not valid for" in told:
        return failed(
            found,
            "The certificate is for another name: check the host in base_url.",
            "证书与域名不符：请检查 base_url 的主机名。",
        )
    return failed(
        found,
        "Name the authority that signed it: SSL_CERT_FILE=/path/to/ca.pem (a company's proxy or a "
        "self-hosted server has one of its own).",
        "证书不受信任：请用 SSL_CERT_FILE 指定签发机构的证书（公司代理或自建服务）。",
    )
