"""The emulator without a network: a request in, a reply out.

Runs on the emulator's own event loop; both edges, the socket and the in-process transport, come
here.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from coze_core.emulator import (
    _audio,
    _chats,
    _conversations,
    _datasets,
    _documents,
    _oauth,
    _others,
    _v2,
    _variables,
    _workflow_api,
)
from coze_core.emulator._access import Grant
from coze_core.emulator._faults import Fault, Faults, disturbed
from coze_core.emulator._http import ApiError, OAuthApiError, Request, Response
from coze_core.emulator._state import AsItIs, Download, PlainReply, Redirect, Reply, State, Stream

Endpoint = Callable[..., Reply]
_LOG: Final = logging.getLogger(__name__)
FAULT_HEADER: Final = "x-coze-emulator-fault"
_BLOCK: Final = 4096  # bytes of a file at a time
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
    ("POST", "/open_api/v2/chat", _v2.chat, False),
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
    ("POST", "/v1/workflow/run", _workflow_api.run, True),
    ("POST", "/v1/workflow/stream_run", _workflow_api.stream_run, True),
    ("POST", "/v1/workflow/stream_resume", _workflow_api.stream_resume, True),
    ("POST", "/v1/workflows/resume", _workflow_api.resume, False),
    ("POST", "/v1/workflows/chat", _workflow_api.chat, True),
    ("GET", "/v1/workflow/get_run_history", _workflow_api.studio_history, True),
    ("GET", "/v1/workflows", _workflow_api.list_, False),
    ("GET", "/v1/workflows/{id}", _workflow_api.retrieve, True),
    ("GET", "/v1/workflows/{id}/versions", _workflow_api.versions, False),
    ("GET", "/v1/workflows/{id}/run_histories/{id}", _workflow_api.history, False),
    (
        "GET",
        "/v1/workflows/{id}/run_histories/{id}/execute_nodes/{id}",
        _workflow_api.node_output,
        False,
    ),
    ("POST", "/api/permission/oauth2/token", _oauth.token, False),
    ("POST", "/api/permission/oauth2/account/{id}/token", _oauth.token, False),
    ("POST", "/api/permission/oauth2/enterprise_id/{id}/token", _oauth.token, False),
    ("GET", "/api/permission/oauth2/authorize", _oauth.authorize, False),
    ("GET", "/api/permission/oauth2/workspace_id/{id}/authorize", _oauth.authorize, False),
    ("POST", "/api/permission/oauth2/device/code", _oauth.device_code, False),
    ("POST", "/api/permission/oauth2/workspace_id/{id}/device/code", _oauth.device_code, False),
    ("GET", "/open/oauth/device", _oauth.confirm_device, False),
    ("GET", "/v1/variables", _variables.read, False),
    ("PUT", "/v1/variables", _variables.write, False),
    ("POST", "/v1/audio/speech", _audio.speech, False),
    ("POST", "/v1/audio/transcriptions", _audio.transcribe, False),
    ("GET", "/v1/audio/voices", _audio.list_voices, False),
    ("POST", "/v1/audio/voices/clone", _audio.clone_voice, False),
    ("POST", "/v1/audio/rooms", _audio.create_room, False),
    ("POST", "/v1/datasets", _datasets.create, True),
    ("GET", "/v1/datasets", _datasets.list_, True),
    ("PUT", "/v1/datasets/{id}", _datasets.update, True),
    ("DELETE", "/v1/datasets/{id}", _datasets.delete, True),
    ("POST", "/v1/datasets/{id}/process", _documents.progress, True),
    ("GET", "/v1/datasets/{id}/images", _datasets.list_images, True),
    ("PUT", "/v1/datasets/{id}/images/{id}", _datasets.update_image, True),
    ("POST", "/open_api/knowledge/document/create", _documents.create, True),
    ("POST", "/open_api/knowledge/document/list", _documents.list_, True),
    ("POST", "/open_api/knowledge/document/update", _documents.update, True),
    ("POST", "/open_api/knowledge/document/delete", _documents.delete, True),
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
        response = await self._answer(request, fault)
        date = email.utils.formatdate(self.state.clock.now(), usegmt=True)
        return replace(response, headers={"date": date, **response.headers})

    async def _answer(self, request: Request, fault: Fault | None) -> Response:
        log_id = self.state.clock.log_id()
        try:
            if FAULT_HEADER in request.headers:
                fault = _asked_fault(request.headers[FAULT_HEADER])
            if fault is not None and fault.replaces_reply:
                return self._replaced(fault, log_id)
            self._check_token(request)
            reply = self._find(request)
            if isinstance(reply, Awaitable):
                reply = await reply
            return self._replied(reply, fault, log_id)
        except ApiError as error:
            return self._dressed(self._refusal(request, error, log_id), fault)
        except Exception:  # noqa: BLE001 - a mistake of ours: a server says so and lives on
            _LOG.exception("the emulator could not answer %s %s", request.method, request.path)
            code = 500 if self.state.profile.is_studio else 5000
            return self._json(500, {"code": code, "msg": "internal server error"}, log_id)

    def _replied(self, reply: PlainReply, fault: Fault | None, log_id: str) -> Response:
        if isinstance(reply, Redirect):
            return Response(302, {"location": reply.location})
        if isinstance(reply, Stream):
            return self._stream(reply, fault or reply.fault, log_id)
        if isinstance(reply, Download):
            return self._download(reply, fault, log_id)
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
        # The chat endpoints answer differently from all others (sections 1.5 and 9.2).
        if request.path in {"/v3/chat", "/open_api/v2/chat"}:
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
        bare = self.state.profile.is_studio or isinstance(body, AsItIs)
        if not bare and "detail" not in body and status == 200:
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

    def _download(self, reply: Download, fault: Fault | None, log_id: str) -> Response:
        headers = {
            "content-type": reply.content_type,
            self.state.profile.log_id_header: log_id,
        }
        blocks = _blocks(reply.content)
        if fault is not None:
            blocks = disturbed(blocks, fault)
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


async def _blocks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _BLOCK):
        yield content[start : start + _BLOCK]


async def _one(block: bytes) -> AsyncIterator[bytes]:
    yield block
