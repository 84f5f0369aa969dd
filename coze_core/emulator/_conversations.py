"""The endpoints of conversations and their messages (protocol notes, sections 6.1 and 6.2)."""

from __future__ import annotations

from typing import Any

from coze_core.emulator import _checks as check
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._state import Reply, State
from coze_core.emulator._store import Document


def _shown(state: State, conversation: Document) -> Document:
    shown = {key: value for key, value in conversation.items() if key != "bot_id"}
    if state.profile.is_studio:
        shown["creator_d"] = shown.pop("creator_id")  # its own spelling (section 10.4)
    return shown


def _conversation_of(state: State, request: Request) -> Document:
    id = request.query.get("conversation_id") or ""
    if not id:
        raise ApiError(4000, "The field conversation_id is required")
    return state.conversation(id)


def create(state: State, request: Request) -> Reply:
    """Make a conversation."""
    body = request.json
    name = _name(body)
    messages = check.messages(body.get("messages"), saved=True, studio=state.profile.is_studio)
    conversation = state.new_conversation(
        bot_id=check.text(body, "bot_id"),
        name=name,
        meta_data=check.meta_data(body),
        connector_id=check.text(body, "connector_id"),
    )
    for message in messages:
        state.new_message(conversation["id"], message)
    return state.profile.envelope("create", _shown(state, conversation))


def _name(body: dict[str, Any]) -> str:
    name = check.text(body, "name")
    if len(name) > 100:
        raise ApiError(4000, "Invalid name: at most 100 characters")
    return name


def retrieve(state: State, request: Request) -> Reply:
    """Return a conversation."""
    found = _conversation_of(state, request)
    return state.profile.envelope("conversation", _shown(state, found))


def list_(state: State, request: Request) -> Reply:
    """Return the conversations of a bot, a page at a time."""
    query = request.query
    bot_id = query.get("bot_id") or ""
    if not bot_id:
        raise ApiError(4000, "The field bot_id is required")
    number = check.number(query.get("page_num"), "page_num", 1, 1, 10**9)
    size = check.number(query.get("page_size"), "page_size", 50, 1, 50)
    connector = query.get("connector_id") or "1024"
    found = [
        item
        for item in state.store.all("conversation")
        if item["bot_id"] == bot_id and item["connector_id"] == connector
    ]
    if (query.get("sort_order") or "DESC").upper() != "ASC":
        found.reverse()
    start = (number - 1) * size
    page = [_shown(state, item) for item in found[start : start + size]]
    data = {"conversations": page, "has_more": start + size < len(found)}
    return state.profile.envelope("list", data)


def rename(state: State, request: Request, conversation_id: str) -> Reply:
    """Give a conversation another name."""
    found = state.conversation(conversation_id)
    body = request.json
    check.text(body, "name", required=True)
    found = {**found, "name": _name(body), "updated_at": state.clock.seconds()}
    state.store.put("conversation", conversation_id, found)
    return state.profile.envelope("rename", _shown(state, found))


def delete(state: State, request: Request, conversation_id: str) -> Reply:  # noqa: ARG001
    """Delete a conversation and its messages."""
    state.conversation(conversation_id)
    state.store.remove("conversation", conversation_id)
    state.store.remove_all("message", conversation_id)
    return {"code": 0, "msg": ""}


def clear(state: State, request: Request, conversation_id: str) -> Reply:  # noqa: ARG001
    """Begin a new section: what was said before is no context any more."""
    found = state.conversation(conversation_id)
    section = state.clock.new_id()
    state.store.put("conversation", conversation_id, {**found, "last_section_id": section})
    return state.profile.envelope("clear", {"id": section, "conversation_id": conversation_id})


# -- messages


def _v1(message: Document) -> Document:
    """Return a message as the v1 endpoints show it: no type, times of two kinds."""
    shown = {
        key: message[key]
        for key in ("id", "conversation_id", "bot_id", "chat_id", "role", "content", "content_type")
    }
    return {
        **shown,
        "type": "",
        "meta_data": message.get("meta_data") or {},
        "created_at": message["created_at"],
        "updated_at": str(message["updated_at"]),
    }


def _message(state: State, conversation: Document, id: str) -> Document:
    found = state.store.get("message", id) if id else None
    if found is None or found["conversation_id"] != conversation["id"]:
        raise ApiError(4005, "Invalid message: it does not exist in this conversation")
    return found


def _named_message(state: State, request: Request) -> Document:
    conversation = _conversation_of(state, request)
    return _message(state, conversation, request.query.get("message_id") or "")


def create_message(state: State, request: Request) -> Reply:
    """Add a message to a conversation."""
    conversation = _conversation_of(state, request)
    body = request.json
    check.text(body, "content", required=True)
    check.text(body, "content_type", required=True)
    message = check.message(body, saved=True, studio=state.profile.is_studio)
    stored = state.new_message(conversation["id"], message)
    return {"code": 0, "msg": "", "data": _v1(stored)}


def list_messages(state: State, request: Request) -> Reply:
    """Return questions and answers, a page at a time by cursor."""
    conversation = _conversation_of(state, request)
    body = request.json
    order = check.text(body, "order") or "desc"
    if order not in {"asc", "desc"}:
        raise ApiError(4000, f"Invalid order: {order}")
    limit = check.number(body.get("limit"), "limit", 50, 1, 50)
    found = [
        message
        for message in state.store.all("message", conversation["id"])
        if message["type"] in {"question", "answer"}
        and (not body.get("chat_id") or message["chat_id"] == body["chat_id"])
    ]
    if order == "desc":
        found.reverse()
    page, more = _page(found, check.text(body, "after_id"), check.text(body, "before_id"), limit)
    return {
        "code": 0,
        "msg": "",
        "data": [_v1(message) for message in page],
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": more,
    }


def _page(
    found: list[Document], after: str, before: str, limit: int
) -> tuple[list[Document], bool]:
    ids = [message["id"] for message in found]
    if after:
        found = found[ids.index(after) + 1 :] if after in ids else []
    elif before:
        found = found[: ids.index(before)] if before in ids else []
        return found[-limit:], len(found) > limit
    return found[:limit], len(found) > limit


def retrieve_message(state: State, request: Request) -> Reply:
    """Return one message."""
    return {"code": 0, "msg": "", "data": _v1(_named_message(state, request))}


def modify_message(state: State, request: Request) -> Reply:
    """Change a message; the reply stands under `message`."""
    message = _named_message(state, request)
    body = request.json
    changed = dict(message)
    if body.get("content") is not None:
        changed["content"] = check.text(body, "content", required=True)
        changed["content_type"] = check.text(body, "content_type") or message["content_type"]
    if body.get("meta_data") is not None:
        changed["meta_data"] = check.meta_data(body)
    changed["updated_at"] = state.clock.seconds()
    state.store.put("message", changed["id"], changed, parent=changed["conversation_id"])
    return {"code": 0, "msg": "", "message": _v1(changed)}


def delete_message(state: State, request: Request) -> Reply:
    """Delete a message; with an answer go the messages that led to it."""
    message = _named_message(state, request)
    if message["type"] not in {"question", "answer"}:
        raise ApiError(4005, "Invalid message: only questions and answers can be deleted")
    state.store.remove("message", message["id"])
    if message["type"] == "answer" and message["chat_id"]:
        for other in state.store.all("message", message["conversation_id"]):
            between = other["type"] not in {"question", "answer"}
            if between and other["chat_id"] == message["chat_id"]:
                state.store.remove("message", other["id"])
    return {"code": 0, "msg": "", "data": _v1(message)}


def create_feedback(state: State, request: Request, conversation_id: str, message_id: str) -> Reply:
    """Keep what a user thinks of an answer."""
    _message(state, state.conversation(conversation_id), message_id)
    body = request.json
    if body.get("feedback_type") not in {"like", "unlike"}:
        raise ApiError(4000, "Invalid feedback_type: like or unlike")
    reasons = body.get("reason_types") or []
    if len(reasons) > 10 or any(len(str(reason)) > 30 for reason in reasons):
        raise ApiError(4000, "Invalid reason_types: 10 of 30 characters")
    if len(check.text(body, "comment")) > 250:
        raise ApiError(4000, "Invalid comment: 250 characters")
    state.store.put("feedback", message_id, dict(body), parent=conversation_id)
    return {"code": 0, "msg": ""}


def delete_feedback(
    state: State,
    request: Request,  # noqa: ARG001 - every endpoint is given it
    conversation_id: str,
    message_id: str,
) -> Reply:
    """Forget what a user thinks of an answer."""
    _message(state, state.conversation(conversation_id), message_id)
    state.store.remove("feedback", message_id)
    return {"code": 0, "msg": ""}
