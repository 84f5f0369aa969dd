"""Chats (protocol notes, section 2)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from coze_core._call import Call
from coze_core._desk import Busy, Lease, OnBusy
from coze_core._endpoints import busy
from coze_core._endpoints._checks import (
    check_id,
    check_messages,
    check_meta_data,
    check_seconds,
    check_variables,
    given,
)
from coze_core._errors import ConflictError, CozeError, PollTimeoutError, ProtocolError
from coze_core._flow import Flow, send
from coze_core._models import (
    FAILED_STATUSES,
    OVER_STATUSES,
    Chat,
    EnterMessage,
    Message,
    ToolOutput,
)
from coze_core._polling import poll_until
from coze_core._pump import CANCEL_SECONDS
from coze_core._stream_request import StreamRequest
from coze_core._turn import Turn

CREATE: Final = "/v3/chat"
RETRIEVE: Final = "/v3/chat/retrieve"
MESSAGES: Final = "/v3/chat/message/list"
CANCEL: Final = "/v3/chat/cancel"
_WHOLE: Final = frozenset({"completed", "failed", "requires_action"})
SUBMIT: Final = "/v3/chat/submit_tool_outputs"


def stream(
    *,
    bot_id: str,
    user_id: str,
    messages: Sequence[EnterMessage] = (),
    conversation_id: str | None = None,
    custom_variables: Mapping[str, str] | None = None,
    meta_data: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    auto_save_history: bool = True,
    extra_params: Mapping[str, str] | None = None,
    shortcut_command: Mapping[str, object] | None = None,
    enable_card: bool | None = None,
    publish_status: str | None = None,
    bot_version: str | None = None,
    connector_id: str | None = None,
    cancel_on_close: bool = True,
    deadline: float | None = None,
    on_busy: OnBusy = "error",
    busy_timeout: float = 60.0,
) -> StreamRequest:
    """Ask a bot and stream what it answers.

    The request is sent when the stream is entered or first iterated.

    Args:
        bot_id: The bot; published to the API channel unless `publish_status` says otherwise.
        user_id: Your own id of the end user; it separates one user's memory from another's.
        messages: Up to 100; the last one is the question, earlier ones are context.
        conversation_id: The conversation to go on with; a new one is made if None.
        custom_variables: Values for the variables of the bot's prompt.
        meta_data: Up to 16 pairs, stored with the chat.
        parameters: Inputs of the start node of a bot in workflow mode.
        auto_save_history: Whether the server keeps the turn; needed for local tools.
        extra_params: `latitude` and `longitude`.
        shortcut_command: A shortcut of the bot, with its parameters.
        enable_card: Whether questions may come as cards.
        publish_status: `published_online` or `unpublished_draft`.
        bot_version: One published version of the bot.
        connector_id: The channel; 1024, the API, if None.
        cancel_on_close: Whether leaving the stream early cancels the chat on the server.
        deadline: Seconds for all of it, or None for no bound but the gap between reads.
        on_busy: What to do if the conversation has a running chat, which it has only one of:
            `error` raises the server's ConversationBusyError; `wait` lets one caller after the
            other in; `cancel_previous` cancels the running chat, whose stream ends with a
            ChatSupersededError; `new_conversation` begins a new one.
        busy_timeout: Seconds to wait for the conversation at the most.

    Returns:
        A stream of events, which is also a context manager.

    Raises:
        TypeError: An id that is not a string.
        ValueError: Arguments that Coze would refuse.
        CozeError: On entering: the server refused. While iterating: the chat failed.

    Example:
        >>> with client.chat.stream(
        ...     bot_id="7379", user_id="u1", messages=[EnterMessage.user("hi")]
        ... ) as stream:  # doctest: +SKIP
        ...     print("".join(stream.text()))

    Protocol: section 2.2 and 3.
    """
    body = _body(
        bot_id=bot_id,
        user_id=user_id,
        messages=messages,
        custom_variables=custom_variables,
        meta_data=meta_data,
        parameters=parameters,
        auto_save_history=auto_save_history,
        extra_params=extra_params,
        shortcut_command=shortcut_command,
        enable_card=enable_card,
        publish_status=publish_status,
        bot_version=bot_version,
        connector_id=connector_id,
    )
    call = _create_call(body, conversation_id, stream=True)
    return StreamRequest(
        call,
        cancel_on_close,
        check_seconds("deadline", deadline),
        busy=Busy(on_busy, busy_timeout),
    )


def create(
    *,
    bot_id: str,
    user_id: str,
    messages: Sequence[EnterMessage] = (),
    conversation_id: str | None = None,
    custom_variables: Mapping[str, str] | None = None,
    meta_data: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    auto_save_history: bool = True,
    extra_params: Mapping[str, str] | None = None,
    shortcut_command: Mapping[str, object] | None = None,
    enable_card: bool | None = None,
    publish_status: str | None = None,
    bot_version: str | None = None,
    connector_id: str | None = None,
    on_busy: OnBusy = "error",
    busy_timeout: float = 60.0,
) -> Flow[Chat]:
    """Ask a bot and return at once, while it works; the answer has to be fetched later.

    `stream` gives the same answer sooner and with fewer requests. The arguments are those of
    `stream`.

    Returns:
        The chat, normally still `in_progress`.

    Raises:
        TypeError: An id that is not a string.
        ValueError: Arguments that Coze would refuse; `auto_save_history=False` is one.
        CozeError: The server refused.

    Example:
        >>> chat = client.chat.create(bot_id="7379", user_id="u1")  # doctest: +SKIP

    Protocol: section 2.3.
    """
    if not auto_save_history:
        raise ValueError("a chat that is not streamed needs auto_save_history=True: use stream()")
    body = _body(
        bot_id=bot_id,
        user_id=user_id,
        messages=messages,
        custom_variables=custom_variables,
        meta_data=meta_data,
        parameters=parameters,
        auto_save_history=auto_save_history,
        extra_params=extra_params,
        shortcut_command=shortcut_command,
        enable_card=enable_card,
        publish_status=publish_status,
        bot_version=bot_version,
        connector_id=connector_id,
    )
    call = _create_call(body, conversation_id, stream=False)
    lease = Lease()
    try:
        chat = yield from _begun(call, Busy(on_busy, busy_timeout), lease)
        yield from busy.done(lease)  # nobody here will know when it ends
    finally:
        lease.release()
    return chat


def _begun(call: Call, policy: Busy, lease: Lease) -> Flow[Chat]:
    reply = yield from busy.in_turn(call, policy, lease, cancel)
    chat = reply.read(Chat)
    yield from busy.remember(lease, chat)
    return chat


def create_and_poll(
    *,
    bot_id: str,
    user_id: str,
    messages: Sequence[EnterMessage] = (),
    conversation_id: str | None = None,
    custom_variables: Mapping[str, str] | None = None,
    meta_data: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    extra_params: Mapping[str, str] | None = None,
    shortcut_command: Mapping[str, object] | None = None,
    enable_card: bool | None = None,
    publish_status: str | None = None,
    bot_version: str | None = None,
    connector_id: str | None = None,
    poll_timeout: float = 600.0,
    on_busy: OnBusy = "error",
    busy_timeout: float = 60.0,
) -> Flow[Turn]:
    """Ask a bot without a stream and wait until it has answered.

    The first look comes after 0.2 seconds; each further wait is a fifth of the time spent so far,
    from 0.25 to 5 seconds. The arguments are those of `stream`, and:

    Args:
        poll_timeout: Seconds to wait for the answer at the most; then the chat is asked to cancel.

    Returns:
        The turn. Its status is `completed`, `requires_action` or `canceled`.

    Raises:
        ChatFailedError: The chat failed.
        PollTimeoutError: It did not end in time.
        CozeError: The server refused.

    Example:
        >>> turn = client.chat.create_and_poll(
        ...     bot_id="7379", user_id="u1", messages=[EnterMessage.user("hi")]
        ... )  # doctest: +SKIP
        >>> turn.answer  # doctest: +SKIP

    Protocol: sections 2.3 and 2.4.
    """
    check_seconds("poll_timeout", poll_timeout)
    body = _body(
        bot_id=bot_id,
        user_id=user_id,
        messages=messages,
        custom_variables=custom_variables,
        meta_data=meta_data,
        parameters=parameters,
        auto_save_history=True,
        extra_params=extra_params,
        shortcut_command=shortcut_command,
        enable_card=enable_card,
        publish_status=publish_status,
        bot_version=bot_version,
        connector_id=connector_id,
    )
    call = _create_call(body, conversation_id, stream=False)
    lease = Lease()
    try:
        chat = yield from _begun(call, Busy(on_busy, busy_timeout), lease)
        turn = yield from _polled(chat, lease, conversation_id, poll_timeout)
        yield from busy.done(lease)
    finally:
        lease.release()
    return turn


def _polled(
    chat: Chat, lease: Lease, conversation_id: str | None, poll_timeout: float
) -> Flow[Turn]:
    """Wait for the end of a chat and return all of it."""
    ids = {"conversation_id": chat.conversation_id or conversation_id or "", "chat_id": chat.id}
    if not all(ids.values()):
        raise ProtocolError(
            "the server did not say which chat it has begun: it cannot be waited for",
            log_id=chat.log_id,
            hint_en="Use stream(), or look into the conversation's messages later.",
            hint_zh="请改用 stream()，或稍后查看会话消息。",
        )
    try:
        turn = yield from _outcome(chat, ids, lease, poll_timeout)
        if turn is None:
            yield from quick_cancel(**ids)
            raise PollTimeoutError(
                f"the chat did not end within {poll_timeout:g} seconds",
                log_id=chat.log_id,
                hint_en="Raise poll_timeout=, or use stream().",
                hint_zh="请调大 poll_timeout=，或改用 stream()。",
            )
        if turn.error is not None:
            raise turn.error
    except CozeError as error:
        # The chat goes on: whoever is told can look for its answer later.
        error.chat_id = error.chat_id or ids["chat_id"]
        error.conversation_id = error.conversation_id or ids["conversation_id"]
        raise
    return turn


def _outcome(
    chat: Chat, ids: dict[str, str], lease: Lease, poll_timeout: float
) -> Flow[Turn | None]:
    """Wait for the end of a chat and return its turn, or None if it does not end in time."""
    ended: Chat | None = chat
    if not chat.ended:
        ended = yield from poll_until(
            lambda: retrieve(**ids),
            lambda seen: seen.ended or lease.superseded,
            clock=time.monotonic,
            deadline=time.monotonic() + poll_timeout,
        )
    if lease.superseded and (ended is None or ended.status not in _WHOLE):
        raise busy.superseded(lease)
    if ended is None:
        return None
    # A failed chat may have no messages, and a listing that fails must not hide why.
    failed = ended.status in FAILED_STATUSES
    found = [] if failed else (yield from messages_of(**ids))
    return Turn.from_messages(ended, found)


def retrieve(*, conversation_id: str, chat_id: str) -> Flow[Chat]:
    """Return a chat as it stands.

    Args:
        conversation_id: Its conversation.
        chat_id: The chat.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.chat.retrieve(conversation_id="7381", chat_id="7382")  # doctest: +SKIP

    Protocol: section 2.1; GET, which Studio needs and the cloud takes.
    """
    call = Call("GET", RETRIEVE, query=_ids(conversation_id, chat_id), repeatable=True)
    return (yield from send(call)).read(Chat)


def messages_of(*, conversation_id: str, chat_id: str) -> Flow[list[Message]]:
    """Return what a chat produced, once it has ended; never the question itself.

    Args:
        conversation_id: Its conversation.
        chat_id: The chat.

    Returns:
        The messages; their order is not that of time.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.chat.messages(conversation_id="7381", chat_id="7382")  # doctest: +SKIP

    Protocol: section 2.4.
    """
    call = Call("GET", MESSAGES, query=_ids(conversation_id, chat_id), repeatable=True)
    return (yield from send(call)).read_list(Message)


def cancel(*, conversation_id: str, chat_id: str) -> Flow[Chat]:
    """Cancel a running chat.

    Args:
        conversation_id: Its conversation.
        chat_id: The chat.

    Returns:
        The chat as it then stands. A chat that had just ended is returned as it is.

    Raises:
        ConflictError: The chat waits for tool outputs and cannot be cancelled.
        CozeError: The server refused.

    Example:
        >>> client.chat.cancel(conversation_id="7381", chat_id="7382")  # doctest: +SKIP

    Protocol: section 2.5.
    """
    ids = _ids(conversation_id, chat_id)
    call = Call("POST", CANCEL, json=ids, repeatable=True)
    try:
        return (yield from send(call)).read(Chat)
    except ConflictError:
        chat = yield from retrieve(conversation_id=conversation_id, chat_id=chat_id)
        if chat.status in OVER_STATUSES:
            return chat
        raise


def quick_cancel(*, conversation_id: str, chat_id: str) -> Flow[None]:
    """Cancel a chat as far as that goes quickly; that it cannot be cancelled is no error."""
    ids = _ids(conversation_id, chat_id)
    call = Call("POST", CANCEL, json=ids, timeout=CANCEL_SECONDS)
    try:
        yield from send(call)
    except CozeError:
        return


def submit_tool_outputs(
    *, conversation_id: str, chat_id: str, tool_outputs: Sequence[ToolOutput]
) -> Flow[Chat]:
    """Answer the calls that a chat waits for and return at once.

    Args:
        conversation_id: Its conversation.
        chat_id: The chat, in status `requires_action`.
        tool_outputs: One for each pending call, all together.

    Returns:
        The chat, normally `in_progress` again.

    Raises:
        ValueError: No output, or two for the same call.
        CozeError: The server refused. It is sent again only if the server turned it away unseen,
            for too many requests.

    Example:
        >>> client.chat.submit_tool_outputs(
        ...     conversation_id="7381",
        ...     chat_id="7382",
        ...     tool_outputs=[ToolOutput(tool_call_id="BUJJ=", output="21 degrees")],
        ... )  # doctest: +SKIP

    Protocol: sections 2.6 and 5.
    """
    call = _submit_call(conversation_id, chat_id, tool_outputs, stream=False)
    return (yield from send(call)).read(Chat)


def stream_tool_outputs(
    *,
    conversation_id: str,
    chat_id: str,
    tool_outputs: Sequence[ToolOutput],
    cancel_on_close: bool = True,
    deadline: float | None = None,
) -> StreamRequest:
    """Answer the calls that a chat waits for and stream the rest of it.

    Args:
        conversation_id: Its conversation.
        chat_id: The chat, in status `requires_action`.
        tool_outputs: One for each pending call, all together.
        cancel_on_close: Whether leaving the stream early cancels the chat on the server.
        deadline: Seconds for all of it, or None for no bound but the gap between reads.

    Returns:
        A stream of events, which is also a context manager.

    Raises:
        ValueError: No output, or two for the same call.
        CozeError: On entering: the server refused. While iterating: the chat failed.

    Example:
        >>> with client.chat.stream_tool_outputs(
        ...     conversation_id="7381",
        ...     chat_id="7382",
        ...     tool_outputs=[ToolOutput(tool_call_id="BUJJ=", output="21 degrees")],
        ... ) as stream:  # doctest: +SKIP
        ...     print("".join(stream.text()))

    Protocol: sections 2.6 and 3.6.
    """
    call = _submit_call(conversation_id, chat_id, tool_outputs, stream=True)
    return StreamRequest(
        call, cancel_on_close, check_seconds("deadline", deadline), chat_id, conversation_id
    )


def _body(
    *,
    bot_id: str,
    user_id: str,
    messages: Sequence[EnterMessage],
    custom_variables: Mapping[str, str] | None,
    meta_data: Mapping[str, str] | None,
    auto_save_history: bool,
    publish_status: str | None,
    bot_version: str | None,
    **others: object,
) -> dict[str, object]:
    check_meta_data(meta_data)
    check_variables(custom_variables)
    if publish_status == "unpublished_draft" and bot_version is not None:
        raise ValueError("bot_version names a published version: leave it out for a draft")
    return given(
        bot_id=check_id("bot_id", bot_id),
        user_id=check_id("user_id", user_id),
        additional_messages=check_messages(messages, saved=auto_save_history),
        custom_variables=custom_variables,
        meta_data=meta_data,
        auto_save_history=auto_save_history,
        publish_status=publish_status,
        bot_version=bot_version,
        **others,
    )


def _create_call(body: dict[str, object], conversation_id: str | None, *, stream: bool) -> Call:
    if conversation_id is not None:
        check_id("conversation_id", conversation_id)
    # In the query, not in the body, where it is not honoured; and `stream` always said, because
    # the cloud and Studio have different defaults (section 2.2).
    return Call(
        "POST",
        CREATE,
        query={"conversation_id": conversation_id},
        json={**body, "stream": stream},
        stream=stream,
    )


def _submit_call(
    conversation_id: str, chat_id: str, tool_outputs: Sequence[ToolOutput], *, stream: bool
) -> Call:
    ids = [output.tool_call_id for output in tool_outputs]
    if not ids:
        raise ValueError("tool_outputs must have one output for each pending call")
    if len(set(ids)) != len(ids):
        raise ValueError("tool_outputs has two outputs for the same call")
    outputs = [output.model_dump() for output in tool_outputs]
    return Call(
        "POST",
        SUBMIT,
        query=_ids(conversation_id, chat_id),
        json={"tool_outputs": outputs, "stream": stream},
        stream=stream,
    )


def _ids(conversation_id: str, chat_id: str) -> dict[str, str]:
    return {
        "conversation_id": check_id("conversation_id", conversation_id),
        "chat_id": check_id("chat_id", chat_id),
    }
