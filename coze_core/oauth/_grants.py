"""The token endpoint: what is asked of it, and what it answers (protocol notes, section 7)."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from coze_core._call import Call, Reply
from coze_core._errors import APIStatusError, OAuthError, ProtocolError
from coze_core._flow import Flow
from coze_core._retry import RetryPolicy, retrying

TOKEN_PATH: Final = "/api/permission/oauth2/token"  # noqa: S105 - a path
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
# `expires_in` of a token is a point in time, against its name; a duration is never that long.
_ABSOLUTE: Final = 10**9
_HINTS: Final[dict[str, tuple[str, str]]] = {
    "authorization_pending": (
        "The user has not confirmed yet: go on waiting.",
        "用户尚未确认授权，请继续等待。",
    ),
    "slow_down": ("Ask less often.", "轮询过于频繁，请降低频率。"),
    "access_denied": ("The user said no: begin anew.", "用户拒绝了授权，请重新发起。"),
    "expired_token": (
        "The user took too long: ask for a new device code.",
        "设备码已过期，请重新获取。",
    ),
    "invalid_client": (
        "Check the client id and its secret or key, and that they belong to this region.",
        "请检查 client_id 及其密钥，并确认与所用区域一致。",
    ),
    "invalid_request": (
        "For a JWT check key, kid, host and this machine's clock; codes serve once: sign in again.",
        "JWT 请检查私钥、kid、域名及本机时间；授权码与刷新令牌只能用一次，请重新登录。",
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class OAuthToken:
    """A token that was granted.

    Attributes:
        access_token: What requests carry.
        expires_at: When it ends, in seconds since 1970 by the server's clock.
        refresh_token: What buys the next one, once; None for grants by JWT.
    """

    access_token: str
    expires_at: float
    refresh_token: str | None = None

    def __repr__(self) -> str:
        refreshable = ", refresh_token='***'" if self.refresh_token else ""
        return f"OAuthToken('***', expires_at={self.expires_at:.0f}{refreshable})"

    def as_dict(self) -> dict[str, Any]:
        """Return the token as JSON data, secrets and all: for stores."""
        return {
            "access_token": self.access_token,
            "expires_at": self.expires_at,
            "refresh_token": self.refresh_token,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OAuthToken:
        """Return the token that `as_dict` was called on.

        Raises:
            ValueError: If the data is something else.
        """
        access, expires = data.get("access_token"), data.get("expires_at")
        if not isinstance(access, str) or not isinstance(expires, int | float):
            raise ValueError("this is not a token that was stored here")  # noqa: TRY004 - data
        return cls(access, float(expires), data.get("refresh_token") or None)


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, and how long it is good from the moment it arrived, in seconds."""

    token: OAuthToken
    lifetime: float


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a device shows to its user.

    Attributes:
        user_code: What the user types.
        verification_url: Where to; the code is part of it.
        device_code: What the device asks with.
        expires_in: Seconds that the user has.
        interval: Seconds between two questions.
    """

    user_code: str
    verification_url: str
    device_code: str
    expires_in: float
    interval: float = 5.0

    def __repr__(self) -> str:
        return f"DeviceCode(user_code={self.user_code!r}, url={self.verification_url!r})"


def ask(call: Call, now: float) -> Flow[Granted]:
    """Ask for a token.

    Raises:
        OAuthError: The server said no.
        CozeError: It could not be reached or answered something else.
    """
    reply = yield from _said(call)
    payload = _payload(reply)
    access = payload.get("access_token")
    if not isinstance(access, str) or not access:
        raise _strange(reply)
    expires, lifetime = _expiry(payload.get("expires_in"), now, _server_time(reply, now))
    refresh = payload.get("refresh_token")
    token = OAuthToken(access, expires, refresh if isinstance(refresh, str) and refresh else None)
    return Granted(token, lifetime)


def ask_device_code(call: Call) -> Flow[DeviceCode]:
    """Ask for a device code.

    Raises:
        OAuthError: The server said no.
        CozeError: It could not be reached or answered something else.
    """
    reply = yield from _said(call)
    payload = _payload(reply)
    try:
        uri, user_code = str(payload["verification_uri"]), str(payload["user_code"])
        return DeviceCode(
            user_code=user_code,
            verification_url=f"{uri}?user_code={user_code}",
            device_code=str(payload["device_code"]),
            expires_in=float(payload.get("expires_in") or 300),
            interval=float(payload.get("interval") or 5),
        )
    except (KeyError, ValueError, TypeError):
        raise _strange(reply) from None


def _said(call: Call) -> Flow[Reply]:
    try:
        return (yield from retrying(call, RetryPolicy()))
    except APIStatusError as error:
        found = _oauth_error(error)
        if found is None:
            raise
        raise found from None


def _oauth_error(error: APIStatusError) -> OAuthError | None:
    """Return the error by its OAuth name, whichever field has it (section 7.6)."""
    try:
        payload = error.response.json() if error.response else None
    except ValueError:
        payload = None
    if not isinstance(payload, Mapping):
        return None
    names = [str(payload.get(key) or "") for key in ("error_code", "error")]
    name = next((name for name in names if name and " " not in name and not name.isdigit()), "")
    if not name or name == "internal_error":
        return None
    name = "access_denied" if name == "access_deny" else name  # the server's spelling
    hint_en, hint_zh = _HINTS.get(name, ("", ""))
    return OAuthError(
        str(payload.get("error_message") or payload.get("error") or name),
        error=name,
        status_code=error.status_code,
        log_id=error.log_id,
        response=error.response,
        hint_en=hint_en,
        hint_zh=hint_zh,
    )


def _payload(reply: Reply) -> Mapping[str, Any]:
    payload = reply.payload
    if not isinstance(payload, Mapping):
        raise _strange(reply)
    inner = payload.get("data")  # some gateways wrap every reply
    return inner if isinstance(inner, Mapping) and "access_token" not in payload else payload


def _strange(reply: Reply) -> ProtocolError:
    return ProtocolError(
        "the token endpoint answered without a token",
        status_code=reply.status_code,
        log_id=reply.log_id,
        hint_en="Check base_url: tokens come from the API host.",
        hint_zh="请检查 base_url：令牌由 API 域名签发。",
    )


def _expiry(value: object, now: float, server_now: float) -> tuple[float, float]:
    """Return when a token ends by the server's clock, and how many seconds that is from now."""
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 900.0  # what a token lasts if nothing is said (section 7.1)
    if seconds <= _ABSOLUTE:
        return now + seconds, seconds
    return seconds, seconds - server_now


def _server_time(reply: Reply, now: float) -> float:
    """Return the server's time, if it tells: a wrong clock here must not end every token."""
    try:
        return email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return now
