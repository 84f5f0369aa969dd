"""Whether what answers is Coze: the cloud, a Studio, or something else. No token is sent."""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from coze_core._call import Call, Reply
from coze_core._errors import APITimeoutError, CozeError
from coze_core._flow import send
from coze_core._values import whole_number
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok
from coze_core.cli._doctor.tls import judge_certificate

PROBE = "/v1/users/me"


@dataclass(frozen=True, slots=True)
class Served:
    """What the server answered.

    Attributes:
        status: The HTTP status; 0 if there was no answer.
        code: Coze's error code, or None if the body is no envelope of Coze.
        message: The words with the code.
        html: Whether the body is a web page.
        location: Where a redirect leads to.
        ahead: Seconds that the server's clock is ahead of ours; None if it did not say.
        seconds: How long it took.
        error: Why there was no answer.
        timed_out: Whether it took too long.
        is_studio: Whether this is Coze Studio.
    """

    status: int = 0
    code: int | None = None
    message: str = ""
    html: bool = False
    location: str = ""
    ahead: float | None = None
    seconds: float = 0.0
    error: str = ""
    timed_out: bool = False
    is_studio: bool = False


def run(patient: Patient) -> Result:
    """Check the server."""
    patient.served = probe(patient)
    return judge(patient.served, patient.base_url, patient.timeout, patient.proxied)


def probe(patient: Patient) -> Served:
    """Ask who is there, without a credential."""
    started = time.perf_counter()
    with patient.stranger() as client:
        try:
            reply = client.run_unsigned(send(Call("GET", PROBE)))
        except CozeError as error:
            late = isinstance(error, APITimeoutError)
            return Served(error=error.message, timed_out=late)
    return _served(reply, patient.base_url, time.perf_counter() - started)


def _served(reply: Reply, base_url: str, seconds: float) -> Served:
    payload = reply.payload if isinstance(reply.payload, dict) else {}
    head = reply.body[:200].lstrip().lower()
    message = str(payload.get("msg") or "")
    location = reply.headers.get("location", "")
    return Served(
        status=reply.status_code,
        code=whole_number(payload.get("code")),
        message=message,
        html="html" in reply.headers.get("content-type", "") or head.startswith((b"<!", b"<html")),
        location=urljoin(f"{base_url}{PROBE}", location) if location else "",
        ahead=_ahead(reply.headers.get("date", ""), time.time()),
        seconds=seconds,
        # A Studio answers 200, in these words, with a log id of another name.
        is_studio=reply.status_code == 200
        and (message.startswith("authentication failed") or "x-log-id" in reply.headers),
    )


def _ahead(date: str, now: float) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - now
    except ValueError:
        return None


def judge(served: Served, base_url: str, timeout: float, proxied: str | None) -> Result:
    """Say whether this is Coze."""
    through = f" (through the proxy {proxied})" if proxied else ""
    if served.timed_out:
        return failed(
            f"no answer within {timeout:g} s{through}",
            "The server or the network is too slow: try again, or a longer --timeout.",
            "服务器或网络过慢：请稍后重试，或增大 --timeout。",
        )
    if "certificate verify failed" in served.error.lower():  # behind a proxy: seen only now
        return judge_certificate(urlsplit(base_url).hostname or "", served.error)
    if served.status == 407 or (proxied and " 407 " in served.error):
        return failed(
            f"the proxy wants to know who you are{through}",
            "Write user and password into the proxy's address: http://user:password@host:port.",
            "代理需要认证：请在代理地址中写入用户名和密码。",
        )
    if served.error:
        return failed(
            f"{served.error}{through}",
            "The connection was made, but no reply came: look at the proxy, or the server's log.",
            "连接已建立但未收到回复：请检查代理或服务端日志。",
        )
    if 300 <= served.status < 400:
        return _redirect(served, base_url)
    if served.status >= 500:
        return failed(
            f"the server, or what stands before it, is in trouble: HTTP {served.status}{through}",
            "Try again later, and look at the proxy or gateway if there is one.",
            "服务端或前置网关故障：请稍后重试，并检查代理或网关。",
        )
    if served.html:
        return failed(
            f"a web page answers at {base_url}, HTTP {served.status}{through}",
            "base_url has to be the API host, such as https://api.coze.com; behind a proxy or a "
            "hotel's network, it may be their page.",
            "返回的是网页：base_url 应为 API 地址（如 https://api.coze.cn），或被代理/认证页面拦截。",
        )
    if served.code is None:
        return failed(
            f"something that is not Coze answers at {base_url}, HTTP {served.status}{through}",
            "Check base_url, and what stands in front of the server.",
            "返回内容不是扣子接口格式：请检查 base_url 及前置网关。",
        )
    kind = "Coze Studio" if served.is_studio else "Coze"
    return ok(f"{kind} answers in {1000 * served.seconds:.0f} ms{through}")


def _redirect(served: Served, base_url: str) -> Result:
    parts = urlsplit(served.location)
    host = parts.netloc.rpartition("@")[2]
    target = f"{parts.scheme}://{host}" if host else "?"
    path = parts.path.removesuffix(PROBE)
    if path and path != parts.path:
        target += path
    return failed(
        f"{base_url} redirects to {target}",
        f"Set base_url to {target} if that is the API; redirects are not followed, for they would "
        f"carry the token along.",
        f"服务器返回重定向：若 {target} 是 API 地址，请将 base_url 设为它。",
    )
