"""The messages of a conversation and what users think of them (protocol notes, section 6.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from coze_core._call import Call
from coze_core._endpoints._checks import check_id, check_meta_data, given
from coze_core._endpoints.conversations import path_id
from coze_core._flow import Flow, send
from coze_core._models import EnterMessage, Message
from coze_core._paging import Pages


def create(*, conversation_id: str, message: EnterMessage) -> Flow[Message]:
    """Add a message to a conversation without asking the bot.

    Args:
        conversation_id: The conversation.
        message: What to add.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.messages.create(
        ...     conversation_id="7381", message=EnterMessage.user("hi")
        ... )  # doctest: +SKIP

    Protocol: section 6.2.
    """
    check_meta_data(message.meta_data)
    call = Call(
        "POST",
        "/v1/conversation/message/create",
        query={"conversation_id": check_id("conversation_id", conversation_id)},
        json=message.model_dump(exclude_none=True, exclude={"type"}),
    )
    return (yield from send(call)).read(Message)


def list(
    *,
    conversation_id: str,
    order: Literal["desc", "asc"] = "desc",
    chat_id: str | None = None,
    before_id: str | None = None,
    after_id: str | None = None,
    limit: int = 50,
) -> Pages[Message]:
    """Iterate over the questions and answers of a conversation.

    Args:
        conversation_id: The conversation.
        order: Newest first, or oldest first.
        chat_id: Only those of this chat.
        before_id: Only those before this message. The pages then go backwards from it, each in
            the given order.
        after_id: Only those after this message, in the given order.
        limit: Messages a request, up to 50.

    Raises:
        ValueError: A limit that Coze would refuse, or both ends at once.
        CozeError: While iterating: the server refused.

    Example:
        >>> for message in client.conversations.messages.list(
        ...     conversation_id="7381", order="asc"
        ... ):  # doctest: +SKIP
        ...     print(message.role, message.content)

    Protocol: section 6.2.
    """
    if not 1 <= limit <= 50:
        raise ValueError("limit must be from 1 to 50")
    if before_id and after_id:
        raise ValueError("give before_id or after_id, not both")
    call = Call(
        "POST",
        "/v1/conversation/message/list",
        query={"conversation_id": check_id("conversation_id", conversation_id)},
        json=given(order=order, chat_id=chat_id, before_id=before_id, after_id=after_id),
        repeatable=True,
    )
    return Pages(call, Message, "", "cursor", limit, in_body=True, backwards=bool(before_id))


def newest(*, conversation_id: str) -> Flow[Message | None]:
    """Return the newest message of a conversation, or None if it has none."""
    call = Call(
        "POST",
        "/v1/conversation/message/list",
        query={"conversation_id": check_id("conversation_id", conversation_id)},
        json={"order": "desc", "limit": 1},
        repeatable=True,
    )
    found = (yield from send(call)).read_list(Message)
    return found[0] if found else None


def retrieve(*, conversation_id: str, message_id: str) -> Flow[Message]:
    """Return one message.

    Args:
        conversation_id: Its conversation.
        message_id: The message.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.messages.retrieve(
        ...     conversation_id="7381", message_id="7382"
        ... )  # doctest: +SKIP

    Protocol: section 6.2.
    """
    query = _ids(conversation_id, message_id)
    call = Call("GET", "/v1/conversation/message/retrieve", query=query, repeatable=True)
    return (yield from send(call)).read(Message)


def modify(
    *,
    conversation_id: str,
    message_id: str,
    content: str | None = None,
    content_type: Literal["text", "object_string"] | None = None,
    meta_data: Mapping[str, str] | None = None,
) -> Flow[Message]:
    """Change a message.

    Args:
        conversation_id: Its conversation.
        message_id: The message.
        content: Its new content.
        content_type: What kind of content that is; text if None.
        meta_data: Up to 16 pairs.

    Raises:
        ValueError: Nothing to change.
        CozeError: The server refused.

    Example:
        >>> client.conversations.messages.modify(
        ...     conversation_id="7381", message_id="7382", content="Hello"
        ... )  # doctest: +SKIP

    Protocol: section 6.2; the reply stands under `message`.
    """
    if content is None and meta_data is None:
        raise ValueError("give content or meta_data to change")
    check_meta_data(meta_data)
    if content is not None and content_type is None:
        content_type = "text"
    call = Call(
        "POST",
        "/v1/conversation/message/modify",
        query=_ids(conversation_id, message_id),
        json=given(content=content, content_type=content_type, meta_data=meta_data),
        repeatable=True,
    )
    return (yield from send(call)).read(Message)


def delete(*, conversation_id: str, message_id: str) -> Flow[Message]:
    """Delete a message; with an answer go the messages between it and its question.

    Args:
        conversation_id: Its conversation.
        message_id: The message.

    Returns:
        The message that was deleted.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.messages.delete(
        ...     conversation_id="7381", message_id="7382"
        ... )  # doctest: +SKIP

    Protocol: section 6.2.
    """
    query = _ids(conversation_id, message_id)
    call = Call("POST", "/v1/conversation/message/delete", query=query, json={})
    return (yield from send(call)).read(Message)


def create_feedback(
    *,
    conversation_id: str,
    message_id: str,
    feedback_type: Literal["like", "unlike"],
    reason_types: Sequence[str] = (),
    comment: str | None = None,
) -> Flow[None]:
    """Say what the user thinks of an answer.

    Args:
        conversation_id: Its conversation.
        message_id: The answer.
        feedback_type: `like` or `unlike`.
        reason_types: Up to 10 reasons of up to 30 characters.
        comment: Up to 250 characters.

    Raises:
        ValueError: Arguments that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.conversations.messages.feedback.create(
        ...     conversation_id="7381", message_id="7382", feedback_type="like"
        ... )  # doctest: +SKIP

    Protocol: section 6.2.
    """
    if feedback_type not in {"like", "unlike"}:
        raise ValueError("feedback_type must be 'like' or 'unlike'")
    if len(reason_types) > 10 or any(len(reason) > 30 for reason in reason_types):
        raise ValueError("reason_types takes 10 reasons of 30 characters")
    if comment is not None and len(comment) > 250:
        raise ValueError("a comment has 250 characters at most")
    body = given(
        feedback_type=feedback_type,
        reason_types=[*reason_types] or None,
        comment=comment,
    )
    yield from send(Call("POST", _feedback_path(conversation_id, message_id), json=body))


def delete_feedback(*, conversation_id: str, message_id: str) -> Flow[None]:
    """Take back what the user thought of an answer.

    Args:
        conversation_id: Its conversation.
        message_id: The answer.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.messages.feedback.delete(
        ...     conversation_id="7381", message_id="7382"
        ... )  # doctest: +SKIP

    Protocol: section 6.2.
    """
    yield from send(Call("DELETE", _feedback_path(conversation_id, message_id)))


def _ids(conversation_id: str, message_id: str) -> dict[str, str]:
    return {
        "conversation_id": check_id("conversation_id", conversation_id),
        "message_id": check_id("message_id", message_id),
    }


def _feedback_path(conversation_id: str, message_id: str) -> str:
    conversation = path_id("conversation_id", conversation_id)
    message = path_id("message_id", message_id)
    return f"/v1/conversations/{conversation}/messages/{message}/feedback"
