"""The OAuth endpoints (protocol notes, sections 7.2 to 7.6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from coze_core.emulator._access import Grant, OAuthApp
from coze_core.emulator._http import OAuthApiError, Request
from coze_core.emulator._jwts import read_jwt
from coze_core.emulator._state import AsItIs, Redirect, Reply, State

_CODE_SECONDS: Final = 300
_DEVICE_SECONDS: Final = 1800
_REFRESH_SECONDS: Final = 30 * 86400


def token(state: State, request: Request, *path: str) -> Reply:
    """Grant a token."""
    del path  # the organisation or enterprise: its tokens look the same
    body = request.json
    grant = _GRANTS.get(str(body.get("grant_type")))
    if grant is None:
        raise OAuthApiError("unsupported_grant_type", "the grant type is not supported")
    return grant(state, request, body)


def _by_jwt(state: State, request: Request, body: Mapping[str, Any]) -> Reply:
    claims = read_jwt(state, request.token, request.headers.get("host", ""))
    seconds = body.get("duration_seconds", 900)
    if not isinstance(seconds, int) or not 1 <= seconds <= 86399:
        raise OAuthApiError("invalid_request", "duration_seconds must be from 1 to 86399")
    scope = body.get("scope") or {}
    permissions = (scope.get("account_permission") or {}).get("permission_list")
    attributes = (scope.get("attribute_constraint") or {}).get("connector_bot_chat_attribute") or {}
    bots = attributes.get("bot_id_list")
    ends = state.clock.now() + seconds
    granted = Grant(
        expires_at=ends,
        permissions=None if permissions is None else frozenset(permissions),
        bot_ids=None if bots is None else frozenset(bots),
        session_name=str(claims.get("session_name") or ""),
    )
    token = state.access.issue("czs", granted)
    return AsItIs(access_token=token, expires_in=int(ends))


def _by_code(state: State, request: Request, body: Mapping[str, Any]) -> Reply:
    app = _app(state, body)
    _check_secret(app, request)
    known = state.oauth.codes.pop(str(body.get("code")), None)
    if known is None or known["client_id"] != app.client_id or known["ends"] < state.clock.now():
        raise OAuthApiError("invalid_request", "the code is invalid or was used")
    if body.get("redirect_uri") != known["redirect_uri"]:
        raise OAuthApiError("invalid_request", "redirect_uri is not the one of the code")
    if known["challenge"] is not None:
        verifier = str(body.get("code_verifier") or "")
        digest = hashlib.sha256(verifier.encode()).digest()
        hashed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        shown = hashed if known["method"] == "S256" else verifier
        if not hmac.compare_digest(shown.encode(), known["challenge"].encode()):
            raise OAuthApiError("invalid_request", "code_verifier does not match")
    return _user_token(state, app)


def _by_refresh_token(state: State, request: Request, body: Mapping[str, Any]) -> Reply:
    app = _app(state, body)
    _check_secret(app, request)
    # It dies with its use, whether the reply arrives or not.
    known = state.oauth.refresh_tokens.pop(str(body.get("refresh_token")), None)
    if known is None or known["client_id"] != app.client_id or known["ends"] < state.clock.now():
        raise OAuthApiError("invalid_request", "the refresh token is invalid or was used")
    return _user_token(state, app)


def _by_device(state: State, request: Request, body: Mapping[str, Any]) -> Reply:  # noqa: ARG001
    app = _app(state, body)
    id = str(body.get("device_code"))
    device = state.oauth.devices.get(id)
    now = state.clock.now()
    if device is None or device["client_id"] != app.client_id or device["ends"] < now:
        raise OAuthApiError("expired_token", "the device code has expired")
    asked, device["asked"] = device["asked"], now
    if device["answer"] == "pending":
        if asked is not None and now - asked < device["interval"]:
            raise OAuthApiError("slow_down", "slow down")
        raise OAuthApiError("authorization_pending", "authorization pending")
    del state.oauth.devices[id]
    if device["answer"] == "denied":
        raise OAuthApiError("access_denied", "access denied")
    return _user_token(state, app)


_GRANTS: Final[dict[str, Callable[[State, Request, Mapping[str, Any]], Reply]]] = {
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _by_jwt,
    "urn:ietf:params:oauth:grant-type:device_code": _by_device,
    "authorization_code": _by_code,
    "refresh_token": _by_refresh_token,
}


def authorize(state: State, request: Request, *path: str) -> Reply:
    """Send the user back with a code: the emulator's user agrees to everything."""
    del path
    query = request.query
    app = state.access.apps.get(query.get("client_id", ""))
    if app is None:
        raise OAuthApiError("invalid_client", "there is no such app")
    target = query.get("redirect_uri", "")
    if query.get("response_type") != "code" or target not in app.redirect_uris:
        raise OAuthApiError("invalid_request", "response_type or redirect_uri is wrong")
    challenge = query.get("code_challenge")
    if challenge is None and app.client_secret is None:
        raise OAuthApiError("invalid_request", "code_challenge is required")
    code = f"code_{secrets.token_hex(16)}"
    state.oauth.codes[code] = {
        "client_id": app.client_id,
        "redirect_uri": target,
        "challenge": challenge,
        "method": query.get("code_challenge_method", "plain"),
        "ends": state.clock.now() + _CODE_SECONDS,
    }
    return Redirect(f"{target}?{urlencode({'code': code, 'state': query.get('state', '')})}")


def device_code(state: State, request: Request, *path: str) -> Reply:
    """Hand out a device code."""
    del path
    app = _app(state, request.json)
    letters = "BCDFGHJKLMNPQRSTVWXZ"
    user_code = "".join(secrets.choice(letters) for _ in range(4))
    user_code += "-" + "".join(secrets.choice(letters) for _ in range(4))
    id = secrets.token_hex(16)
    state.oauth.devices[id] = {
        "client_id": app.client_id,
        "user_code": user_code,
        "answer": app.device_answer,
        "asked": None,
        "interval": app.interval,
        "ends": state.clock.now() + _DEVICE_SECONDS,
    }
    host = request.headers.get("host", "localhost")
    return AsItIs(
        {
            "device_code": id,
            "user_code": user_code,
            "verification_uri": f"http://{host}/open/oauth/device",
            "expires_in": _DEVICE_SECONDS,
            "interval": app.interval,
        }
    )


def confirm_device(state: State, request: Request) -> Reply:
    """Confirm a device code, as the user does who opens its address."""
    answer_device(state, request.query.get("user_code", ""), "granted")
    return {"code": 0, "msg": "confirmed"}


def answer_device(state: State, user_code: str, answer: str) -> None:
    """Answer for the user.

    Raises:
        OAuthApiError: If there is no such code.
    """
    for device in state.oauth.devices.values():
        if device["user_code"] == user_code:
            device["answer"] = answer
            return
    raise OAuthApiError("invalid_request", "there is no such user code")


def _app(state: State, body: Mapping[str, Any]) -> OAuthApp:
    app = state.access.apps.get(str(body.get("client_id")))
    if app is None:
        raise OAuthApiError("invalid_client", "there is no such app", status=401)
    return app


def _check_secret(app: OAuthApp, request: Request) -> None:
    wanted = app.client_secret or ""
    if not hmac.compare_digest(wanted.encode(), request.token.encode()):
        raise OAuthApiError("invalid_client", "the client secret is wrong", status=401)


def _user_token(state: State, app: OAuthApp) -> Reply:
    ends = state.clock.now() + app.user_seconds
    refresh = secrets.token_hex(24)
    state.oauth.refresh_tokens[refresh] = {
        "client_id": app.client_id,
        "ends": state.clock.now() + _REFRESH_SECONDS,
    }
    token = state.access.issue("czu", Grant(expires_at=ends))
    return AsItIs(access_token=token, expires_in=int(ends), refresh_token=refresh)
