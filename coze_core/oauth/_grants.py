"""The token endpoint: what is asked of it, and what it answers (protocol notes, section 7)."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from coze_core._call import Call, Reply
from coze_core._errors import APIStatusError, ErrorResponse, OAuthError, ProtocolError
from coze_core._flow import Flow
from coze_core._retry import RetryPolicy, retrying

TOKEN_PATH: Final = "/api/permission/oauth2/token"  # noqa: S105 - a path
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
# `expires_in` of a token is a point in time, against its name; a duration is never that long.
_ABSOLUTE: Final = 10**9
_USUAL_LIFE: Final = 900.0  # seconds that a token lasts if nothing is said (section 7.1)
_DEVICE_SECONDS: Final = 300.0  # what a user has if nothing is said
_DEVICE_INTERVAL: Final = 5.0
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
    def from_dict(cls, data: object) -> OAuthToken:
        """Return the token that `as_dict` was called on.

        Raises:
            ValueError: If the data is something else.
        """
        known: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        access, expires = known.get("access_token"), known.get("expires_at")
        refresh = known.get("refresh_token") or None
        if (
            not isinstance(access, str)
            or not isinstance(expires, int | float)
            or math.isnan(expires)
            or not isinstance(refresh, str | None)
        ):
            raise ValueError("this is not a token that was stored here")
        return cls(access, float(expires), refresh)


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
        raise _refusal(call, reply) or _strange(reply)
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
    user_code, device_code, uri = (
        payload.get(key) for key in ("user_code", "device_code", "verification_uri")
    )
    if not (isinstance(uri, str) and isinstance(user_code, str) and isinstance(device_code, str)):
        raise _refusal(call, reply) or _strange(reply)
    return DeviceCode(
        user_code=user_code,
        verification_url=f"{uri}?{urlencode({'user_code': user_code})}",
        device_code=device_code,
        expires_in=_positive(payload.get("expires_in")) or _DEVICE_SECONDS,
        interval=_positive(payload.get("interval")) or _DEVICE_INTERVAL,
    )


def _said(call: Call) -> Flow[Reply]:
    try:
        return (yield from retrying(call, RetryPolicy()))
    except APIStatusError as error:
        try:
            payload = error.response.json() if error.response else None
        except ValueError:
            payload = None
        found = _oauth_error(payload, error.status_code, error.log_id, error.response)
        if found is None:
            raise
        raise found from None


def _refusal(call: Call, reply: Reply) -> OAuthError | None:
    """Return what a reply of success says went wrong: there only `error` may tell of it."""
    found = _oauth_error(reply.payload, reply.status_code, reply.log_id, None)
    if found is not None:
        for secret in (call.secret, *call.hidden):
            found.hide(secret)
    return found


def _oauth_error(
    payload: object, status_code: int | None, log_id: str | None, response: ErrorResponse | None
) -> OAuthError | None:
    """Return the error by its OAuth name, whichever field has it (section 7.6)."""
    if not isinstance(payload, Mapping):
        return None
    names = [str(payload.get(key) or "") for key in ("error_code", "error")]
    name = next((name for name in names if name and " " not in name and not name.isdigit()), "")
    if not name or name == "internal_error":
        return None
    name = "access_denied" if name == "access_deny" else name  # the server's spelling
    hint_en, hint_zh = _HINTS.get(name, ("", ""))
    return OAuthError(
        _reason(payload) or name,
        error=name,
        status_code=status_code,
        log_id=log_id,
        response=response,
        hint_en=hint_en,
        hint_zh=hint_zh,
    )


def _reason(payload: Mapping[str, Any]) -> str:
    places = ("error_message", "error_description", "error")  # ours, and the standard's
    return next((str(payload[place]) for place in places if payload.get(place)), "")


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
    seconds = _positive(value) or _USUAL_LIFE
    if seconds <= _ABSOLUTE:
        return now + seconds, seconds
    # One that has only just been granted has not ended: then a clock is wrong, ours or the one of
    # a cache between us. Should it have ended after all, the server refuses it and it is renewed.
    lifetime = seconds - server_now
    return seconds, lifetime if lifetime > 0 else _USUAL_LIFE


def _server_time(reply: Reply, now: float) -> float:
    """Return the server's time, if it tells: a wrong clock here must not end every token."""
    try:
        return email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now


def _positive(value: object) -> float | None:
    number = _finite(value)
    return number if number is not None and number > 0 else None


def _finite(value: object) -> float | None:
    """Return a number, given as such or as text; None for anything else, infinity included."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
