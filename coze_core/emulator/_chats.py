"""The chat endpoints (protocol notes, section 2)."""

from __future__ import annotations

from typing import Any

from coze_core.emulator import _checks as check
from coze_core.emulator._bots import Bot
from coze_core.emulator._chat_shapes import shown_chat
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._runs import ChatRun
from coze_core.emulator._state import Reply, State, Stream
from coze_core.emulator._store import Document

_BUSY = {"created", "in_progress"}


def create(state: State, request: Request) -> Reply:
    """Begin a chat."""
    body = request.json
    bot_id = check.text(body, "bot_id", required=True)
    user_id = check.text(body, "user_id", required=True)
    saved = check.flag(body, "auto_save_history", default=True) or state.profile.is_studio
    stream = check.flag(body, "stream", default=state.profile.stream_by_default)
    messages = check.messages(
        body.get("additional_messages"), saved=saved, studio=state.profile.is_studio
    )
    if not stream and not saved:
        raise ApiError(4007, "auto_save_history must be true when stream is false")
    options = {
        "custom_variables": check.variables(body),
        "parameters": check.mapping(body, "parameters"),
        "meta_data": check.meta_data(body),
    }
    _check_extra(body)
    bot = _bot(state, bot_id, draft=body.get("publish_status") == "unpublished_draft")
    _check_files(state, messages)
    # In the query: a body field of that name is not honoured.
    conversation = conversation_of(state, request.query.get("conversation_id") or "", bot)
    chat = new_chat(state, bot, user_id, conversation, saved=saved, options=options)
    if not messages and not body.get("shortcut_command"):
        raise ApiError(4000, "additional_messages must not be empty")
    extra = keep_messages(state, chat, messages)
    run = ChatRun(chat, bot, extra, store=state.store, clock=state.clock, profile=state.profile)
    state.runs[chat["id"]] = run
    position = run.start()
    if stream:
        return Stream(run.events(position), bot.fault)
    return state.profile.envelope("chat", state.profile.chat(shown_chat(chat)))


def _check_extra(body: dict[str, Any]) -> None:
    extra = check.mapping(body, "extra_params")
    if set(extra) - {"latitude", "longitude"}:
        raise ApiError(4000, "Invalid extra_params: only latitude and longitude")
    status = check.text(body, "publish_status")
    if status not in {"", "published_online", "unpublished_draft"}:
        raise ApiError(4000, f"Invalid publish_status: {status}")
    if status == "unpublished_draft" and body.get("bot_version"):
        raise ApiError(4000, "bot_version cannot be combined with a draft")
    shortcut = check.mapping(body, "shortcut_command")
    if shortcut:
        check.text(shortcut, "command_id", required=True)


def _bot(state: State, bot_id: str, *, draft: bool) -> Bot:
    bot = state.bots.get(bot_id)
    if bot is None:
        if state.profile.is_studio:
            raise ApiError(103100002, "agent not exists", plain=True)
        raise ApiError(
            4200,
            f"Requested resource bot_id={bot_id} does not exist. "
            "Please check the input parameter and try again.",
        )
    if not bot.published and not draft:
        raise ApiError(
            4015, f"The bot_id {bot_id} has not been published to the channel Agent As API."
        )
    return bot


def _check_files(state: State, messages: list[Document]) -> None:
    for message in messages:
        for id in check.file_ids(message):
            if state.store.get("file", id) is None:
                raise ApiError(4000, f"Invalid file_id: {id}")


def conversation_of(state: State, id: str, bot: Bot) -> Document:
    """Return a conversation that is free, or a new one.

    Raises:
        ApiError: If it does not exist, or a chat runs in it.
    """
    if not id:
        return state.new_conversation(bot_id=bot.id)
    found = state.conversation(id)
    for chat in state.store.all("chat", id):
        run = state.runs.get(chat["id"])
        if chat["status"] in _BUSY and run is not None and run.running:
            raise ApiError(4016, "Conversation occupied: only one chat can run at a time")
    return found


def new_chat(
    state: State,
    bot: Bot,
    user_id: str,
    conversation: Document,
    *,
    saved: bool,
    options: dict[str, Any],
) -> Document:
    """Return a chat that has just been made."""
    return {
        "id": state.clock.new_id(),
        "conversation_id": conversation["id"],
        "bot_id": bot.id,
        "created_at": state.clock.seconds(),
        "last_error": {"code": 0, "msg": ""},
        "status": "created",
        "usage": {"token_count": 0, "output_count": 0, "input_count": 0},
        "section_id": conversation["last_section_id"],
        "user_id": user_id,
        "auto_save_history": saved,
        "tool_results": [],
        **options,
    }


def keep_messages(state: State, chat: Document, messages: list[Document]) -> list[Document]:
    """Store the messages that came with a chat; return those that are not to be stored."""
    if not chat["auto_save_history"]:
        return messages
    inserted = []
    for message in messages:
        stored = state.new_message(chat["conversation_id"], message, chat=chat)
        inserted.append({"id": stored["id"]})
    if inserted:
        chat["inserted_additional_messages"] = inserted
    return []


def _chat(state: State, conversation_id: str, chat_id: str) -> Document:
    chat = state.store.get("chat", chat_id)
    if chat is None or chat["conversation_id"] != conversation_id:
        raise ApiError(4001, "Invalid chat: it does not exist in this conversation")
    run = state.runs.get(chat_id)
    return chat if run is None else run.chat


def _named_chat(state: State, request: Request) -> Document:
    ids = {name: request.query.get(name) or "" for name in ("conversation_id", "chat_id")}
    for name, id in ids.items():
        if not id:
            raise ApiError(4000, f"The field {name} is required")
    return _chat(state, **ids)


def retrieve(state: State, request: Request) -> Reply:
    """Return a chat."""
    if request.method not in state.profile.retrieve_methods:
        raise ApiError(4000, "not found", status=404)
    chat = shown_chat(_named_chat(state, request))
    return state.profile.envelope("chat", state.profile.chat(chat))


def message_list(state: State, request: Request) -> Reply:
    """Return what a chat produced; never the question, and not in the order of time."""
    chat = _named_chat(state, request)
    found = [
        message
        for message in state.store.all("message", chat["conversation_id"])
        if message["chat_id"] == chat["id"] and message["type"] != "question"
    ]
    inserted = {item["id"] for item in chat.get("inserted_additional_messages", [])}
    found = [message for message in found if message["id"] not in inserted]
    if not found and not state.profile.is_studio:
        return {"code": 0, "msg": ""}  # no `data` key at all (section 2.4)
    found.sort(key=lambda message: message["type"] != "verbose")
    return state.profile.envelope("messages", found)


def cancel(state: State, request: Request) -> Reply:
    """Cancel a running chat."""
    body = request.json
    chat = _chat(
        state,
        check.text(body, "conversation_id", required=True),
        check.text(body, "chat_id", required=True),
    )
    run = state.runs.get(chat["id"])
    if run is None or chat["status"] not in _BUSY:
        if state.profile.is_studio:
            raise ApiError(103200005, "only in progress can be cancelled", status=400)
        raise ApiError(4104, "chat cannot be cancelled in its current state")
    run.cancel()
    return state.profile.envelope("cancel", state.profile.chat(shown_chat(run.chat)))


def submit_tool_outputs(state: State, request: Request) -> Reply:
    """Take the outputs of pending calls and go on."""
    chat = _named_chat(state, request)
    body = request.json
    stream = check.flag(body, "stream", default=False)
    if not chat["auto_save_history"]:
        raise ApiError(5000, "internal error")  # section 5.3
    if chat["status"] != "requires_action":
        raise ApiError(4000, "The chat does not wait for tool outputs")
    pending = chat["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = _outputs(body, {call["id"] for call in pending})
    bot = _bot(state, chat["bot_id"], draft=True)
    run = state.runs.get(chat["id"]) or ChatRun(
        chat, bot, [], store=state.store, clock=state.clock, profile=state.profile
    )
    state.runs[chat["id"]] = run
    for call in pending:
        function = call["function"]
        run.chat["tool_results"].append(
            {
                "name": function["name"],
                "arguments": function["arguments"],
                "output": outputs[call["id"]],
            }
        )
    position = run.start(resumed=True)
    for call in pending:
        run.tell_response(outputs[call["id"]])
    if stream:
        return Stream(run.events(position), bot.fault)
    return state.profile.envelope("chat", state.profile.chat(shown_chat(run.chat)))


def _outputs(body: dict[str, Any], pending: set[str]) -> dict[str, str]:
    given = body.get("tool_outputs")
    if not isinstance(given, list) or not given:
        raise ApiError(4000, "The field tool_outputs is required")
    found: dict[str, str] = {}
    for item in given:
        if not isinstance(item, dict):
            raise ApiError(4000, "Invalid tool_outputs: expected objects")
        id = check.text(item, "tool_call_id", required=True)
        if id not in pending:
            raise ApiError(4000, f"Invalid tool_call_id: {id}")
        output = item.get("output")
        if not isinstance(output, str):
            raise ApiError(4000, "Invalid output: expected string")
        found[id] = output
    if set(found) != pending:
        raise ApiError(4000, "tool_outputs must answer every pending call")
    return found
