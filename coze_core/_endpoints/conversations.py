"""Conversations (protocol notes, section 6.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from coze_core._call import Call
from coze_core._endpoints._checks import check_id, check_messages, check_meta_data, given
from coze_core._flow import Flow, send
from coze_core._models import Conversation, EnterMessage, Section
from coze_core._paging import Pages


def create(
    *,
    bot_id: str | None = None,
    name: str | None = None,
    messages: Sequence[EnterMessage] = (),
    meta_data: Mapping[str, str] | None = None,
    connector_id: str | None = None,
) -> Flow[Conversation]:
    """Make a conversation.

    Args:
        bot_id: The bot it belongs to, so that it appears in that bot's list.
        name: Its name, up to 100 characters.
        messages: What it begins with.
        meta_data: Up to 16 pairs.
        connector_id: The channel; 1024, the API, if None.

    Raises:
        ValueError: Arguments that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.conversations.create(bot_id="7379")  # doctest: +SKIP

    Protocol: section 6.1.
    """
    if bot_id is not None:
        check_id("bot_id", bot_id)
    if name is not None:
        _check_name(name)
    check_meta_data(meta_data)
    body = given(
        bot_id=bot_id,
        name=name,
        messages=check_messages(messages, saved=True) or None,
        meta_data=meta_data,
        connector_id=connector_id,
    )
    call = Call("POST", "/v1/conversation/create", json=body)
    return (yield from send(call)).read(Conversation)


def retrieve(*, conversation_id: str) -> Flow[Conversation]:
    """Return a conversation.

    Args:
        conversation_id: The conversation.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.retrieve(conversation_id="7381")  # doctest: +SKIP

    Protocol: section 6.1.
    """
    call = Call(
        "GET",
        "/v1/conversation/retrieve",
        query={"conversation_id": check_id("conversation_id", conversation_id)},
        repeatable=True,
    )
    return (yield from send(call)).read(Conversation)


def list(
    *,
    bot_id: str,
    page_size: int = 50,
    sort_order: Literal["ASC", "DESC"] | None = None,
    connector_id: str | None = None,
) -> Pages[Conversation]:
    """Iterate over the conversations of a bot.

    Args:
        bot_id: The bot.
        page_size: Conversations a request, up to 50.
        sort_order: By time of making; newest first if None.
        connector_id: The channel; 1024, the API, if None.

    Raises:
        ValueError: A page size that Coze would refuse.
        CozeError: While iterating: the server refused.

    Example:
        >>> for conversation in client.conversations.list(bot_id="7379"):  # doctest: +SKIP
        ...     print(conversation.id)

    Protocol: section 6.1.
    """
    if not 1 <= page_size <= 50:
        raise ValueError("page_size must be from 1 to 50")
    call = Call(
        "GET",
        "/v1/conversations",
        query={
            "bot_id": check_id("bot_id", bot_id),
            "sort_order": sort_order,
            "connector_id": connector_id,
        },
        repeatable=True,
    )
    return Pages(call, Conversation, "conversations", "page_num", page_size)


def rename(*, conversation_id: str, name: str) -> Flow[Conversation]:
    """Give a conversation another name.

    Args:
        conversation_id: The conversation.
        name: Up to 100 characters.

    Raises:
        ValueError: A name that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.conversations.rename(conversation_id="7381", name="Trip")  # doctest: +SKIP

    Protocol: section 6.1.
    """
    _check_name(name)
    path = _path(conversation_id)
    call = Call("PUT", path, json={"name": name}, repeatable=True)
    return (yield from send(call)).read(Conversation)


def delete(*, conversation_id: str) -> Flow[None]:
    """Delete a conversation.

    Args:
        conversation_id: The conversation.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.delete(conversation_id="7381")  # doctest: +SKIP

    Protocol: section 6.1.
    """
    yield from send(Call("DELETE", _path(conversation_id)))


def clear(*, conversation_id: str) -> Flow[Section]:
    """Make the bot forget what was said before in a conversation; the messages stay.

    Args:
        conversation_id: The conversation.

    Returns:
        The new section; the bot sees only what comes after its beginning.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.conversations.clear(conversation_id="7381")  # doctest: +SKIP

    Protocol: section 6.1.
    """
    call = Call("POST", _path(conversation_id) + "/clear", json={})
    return (yield from send(call)).read(Section)


def _path(conversation_id: str) -> str:
    return f"/v1/conversations/{path_id('conversation_id', conversation_id)}"


def path_id(name: str, value: str) -> str:
    """Return an id that goes into a path.

    Raises:
        ValueError: If it would change the path.
    """
    check_id(name, value)
    if not value.isascii() or not value.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"{name} is not an id: {value!r}")
    return value


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 100:
        raise ValueError("a conversation's name has 1 to 100 characters")
