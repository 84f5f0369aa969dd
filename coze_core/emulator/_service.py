"""The emulator without a network: a request in, a reply out.

Runs on the emulator's own event loop; both edges, the socket and the in-process transport, come
here.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from coze_core.emulator import _chats, _conversations, _oauth, _others
from coze_core.emulator._access import Grant
from coze_core.emulator._faults import Fault, Faults, disturbed
from coze_core.emulator._http import ApiError, OAuthApiError, Request, Response
from coze_core.emulator._state import Redirect, Reply, State, Stream

Endpoint = Callable[..., Reply]
FAULT_HEADER: Final = "x-coze-emulator-fault"
MAX_JSON: Final = 15 * 1024 * 1024  # section 8.3

# Method, path, endpoint; and whether Coze Studio has it (section 10.1).
_ROUTES: Final[list[tuple[str, str, Endpoint, bool]]] = [
    ("POST", "/v3/chat", _chats.create, True),
    ("GET", "/v3/chat/retrieve", _chats.retrieve, True),
    ("POST", "/v3/chat/retrieve", _chats.retrieve, False),
    ("GET", "/v3/chat/message/list", _chats.message_list, True),
    ("POST", "/v3/chat/message/list", _chats.message_list, False),
    ("POST", "/v3/chat/cancel", _chats.cancel, True),
    ("POST", "/v3/chat/submit_tool_outputs", _chats.submit_tool_outputs, False),
    ("POST", "/v1/conversation/create", _conversations.create, True),
    ("GET", "/v1/conversation/retrieve", _conversations.retrieve, True),
    ("GET", "/v1/conversations", _conversations.list_, True),
    ("PUT", "/v1/conversations/{id}", _conversations.rename, True),
    ("DELETE", "/v1/conversations/{id}", _conversations.delete, True),
    ("POST", "/v1/conversations/{id}/clear", _conversations.clear, True),
    ("POST", "/v1/conversation/message/create", _conversations.create_message, False),
    ("POST", "/v1/conversation/message/list", _conversations.list_messages, True),
    ("GET", "/v1/conversation/message/retrieve", _conversations.retrieve_message, False),
    ("POST", "/v1/conversation/message/modify", _conversations.modify_message, False),
    ("POST", "/v1/conversation/message/delete", _conversations.delete_message, False),
    (
        "POST",
        "/v1/conversations/{id}/messages/{id}/feedback",
        _conversations.create_feedback,
        False,
    ),
    (
        "DELETE",
        "/v1/conversations/{id}/messages/{id}/feedback",
        _conversations.delete_feedback,
        False,
    ),
    ("POST", "/v1/files/upload", _others.upload_file, True),
    ("GET", "/v1/files/retrieve", _others.retrieve_file, False),
    ("GET", "/v1/bots", _others.list_bots, False),
    ("GET", "/v1/bots/{id}", _others.retrieve_bot, True),
    ("GET", "/v1/bot/get_online_info", _others.retrieve_bot_legacy, True),
    ("GET", "/v1/space/published_bots_list", _others.list_bots_legacy, False),
    ("GET", "/v1/workspaces", _others.list_workspaces, False),
    ("GET", "/v1/users/me", _others.me, False),
    ("POST", "/api/permission/oauth2/token", _oauth.token, False),
    ("POST", "/api/permission/oauth2/account/{id}/token", _oauth.token, False),
    ("POST", "/api/permission/oauth2/enterprise_id/{id}/token", _oauth.token, False),
    ("GET", "/api/permission/oauth2/authorize", _oauth.authorize, False),
    ("GET", "/api/permission/oauth2/workspace_id/{id}/authorize", _oauth.authorize, False),
    ("POST", "/api/permission/oauth2/device/code", _oauth.device_code, False),
    ("POST", "/api/permission/oauth2/workspace_id/{id}/device/code", _oauth.device_code, False),
    ("GET", "/open/oauth/device", _oauth.confirm_device, False),
]
OPEN_PATHS: Final = ("/api/permission/oauth2/", "/open/oauth/")  # no token is needed to get one


def _compiled(path: str) -> re.Pattern[str]:
    return re.compile(path.replace("{id}", "([^/]+)"))


class Service:
    """Answers requests.

    Args:
        state: What is remembered.
        faults: What goes wrong with the next requests.
    """

    def __init__(self, state: State, faults: Faults) -> None:
        self.state = state
        self._faults = faults
        studio = state.profile.is_studio
        self._routes = [
            (method, _compiled(path), endpoint)
            for method, path, endpoint, in_studio in _ROUTES
            if in_studio or not studio
        ]

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        fault = self._faults.take(request.path)
        if fault is not None and fault.wait:
            await asyncio.sleep(fault.wait)
        response = self._answer(request, fault)
        date = email.utils.formatdate(self.state.clock.now(), usegmt=True)
        return replace(response, headers={"date": date, **response.headers})

    def _answer(self, request: Request, fault: Fault | None) -> Response:
        log_id = self.state.clock.log_id()
        try:
            if FAULT_HEADER in request.headers:
                fault = _asked_fault(request.headers[FAULT_HEADER])
            if fault is not None and fault.replaces_reply:
                return self._replaced(fault, log_id)
            self._check_token(request)
            reply = self._find(request)
        except ApiError as error:
            return self._dressed(self._refusal(request, error, log_id), fault)
        if isinstance(reply, Redirect):
            return Response(302, {"location": reply.location})
        if isinstance(reply, Stream):
            return self._stream(reply, fault or reply.fault, log_id)
        return self._dressed(self._json(200, reply, log_id), fault)

    def _find(self, request: Request) -> Reply:
        for method, pattern, endpoint in self._routes:
            match = pattern.fullmatch(request.path)
            if match is not None and method == request.method:
                return endpoint(self.state, request, *match.groups())
        if self.state.profile.is_studio:
            # Unlisted paths fall to the cookie check of its web site (section 10.2).
            raise ApiError(700012006, "authentication failed: missing session_key in cookie")
        raise ApiError(4000, "not found", status=404, plain=True)

    def _check_token(self, request: Request) -> None:
        if request.path.startswith(OPEN_PATHS) and not self.state.profile.is_studio:
            return
        grant = self.state.access.grant_of(request.token)
        if grant is not None:
            self.state.access.check(request, grant)
            self._check_bot(request, grant)
            return
        if self.state.profile.is_studio:
            reason = "invalid api key" if request.token else "missing authorization in header"
            raise ApiError(700012006, f"authentication failed: {reason}")
        # The chat endpoint answers differently from all others (section 1.5).
        if request.path == "/v3/chat":
            raise ApiError(4101, "The token you entered is incorrect. Please check and try again.")
        raise ApiError(700012006, "access token invalid", status=401, plain=True)

    def _check_bot(self, request: Request, grant: Grant) -> None:
        if grant.bot_ids is None or request.path != "/v3/chat":
            return
        if request.json.get("bot_id") not in grant.bot_ids:
            raise ApiError(4101, "The token does not have the required permission: bot")

    # -- replies

    def _refusal(self, request: Request, error: ApiError, log_id: str) -> Response:
        if isinstance(error, OAuthApiError):
            named = {"error_code": error.name, "error_message": error.message, "error": error.name}
            return self._json(error.status, named, log_id)
        body: dict[str, Any] = {"code": error.code, "msg": error.message}
        profile = self.state.profile
        if profile.is_studio and request.path == "/v3/chat" and error.code != 700012006:
            if error.code < 100000000:  # a body that does not bind (section 1.6)
                return self._json(400, {"code": 400, "msg": error.message}, log_id)
            return self._stream(Stream(_one(profile.event("error", body))), None, log_id)
        if not error.plain and not profile.is_studio:
            body["detail"] = {"logid": log_id}
        return self._json(error.status, body, log_id)

    def _json(self, status: int, body: Mapping[str, Any], log_id: str) -> Response:
        bare = status != 200 or "code" not in body or "detail" in body
        if not self.state.profile.is_studio and not bare:
            body = {**body, "detail": {"logid": log_id}}
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            self.state.profile.log_id_header: log_id,
        }
        return Response(status, headers, content)

    def _stream(self, reply: Stream, fault: Fault | None, log_id: str) -> Response:
        headers = {
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            self.state.profile.log_id_header: log_id,
        }
        blocks = reply.events if fault is None else disturbed(reply.events, fault)
        return self._dressed(Response(200, headers, blocks=blocks), fault)

    def _replaced(self, fault: Fault, log_id: str) -> Response:
        if fault.code is not None:
            body = {"code": fault.code, "msg": "an emulated error"}
            response = self._json(fault.status or 200, body, log_id)
        else:
            headers = {
                "content-type": "text/html",
                self.state.profile.log_id_header: log_id,
            }
            response = Response(fault.status or 200, headers, fault.body or b"")
        if fault.body is not None:
            response = Response(response.status, response.headers, fault.body)
        return self._dressed(response, fault)

    def _dressed(self, response: Response, fault: Fault | None) -> Response:
        if fault is None:
            return response
        headers = {**response.headers, **{k.lower(): v for k, v in fault.headers.items()}}
        if fault.content_type is not None:
            headers["content-type"] = fault.content_type
        headers = {name: value for name, value in headers.items() if value}
        return Response(response.status, headers, response.body, response.blocks)


def _asked_fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise ApiError(4000, f"{FAULT_HEADER}: {error}") from None


async def _one(block: bytes) -> AsyncIterator[bytes]:
    yield block
