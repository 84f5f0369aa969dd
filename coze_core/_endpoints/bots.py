"""Bots (protocol notes, section 6.4)."""

from __future__ import annotations

from typing import Literal

from coze_core._bot_models import Bot, BotSummary
from coze_core._call import Call
from coze_core._endpoints._checks import check_id
from coze_core._endpoints.conversations import path_id
from coze_core._flow import Flow, send
from coze_core._paging import Pages

PublishStatus = Literal["all", "published_online", "published_draft", "unpublished_draft"]


def retrieve(*, bot_id: str, is_published: bool | None = None) -> Flow[Bot]:
    """Return a bot: its prompt, plugins, model and the rest.

    Args:
        bot_id: The bot.
        is_published: False for the draft; the published version if None.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.bots.retrieve(bot_id="7379").name  # doctest: +SKIP

    Protocol: section 6.4.
    """
    query = {} if is_published is None else {"is_published": str(is_published).lower()}
    call = Call("GET", f"/v1/bots/{path_id('bot_id', bot_id)}", query=query, repeatable=True)
    return (yield from send(call)).read(Bot)


def retrieve_published(*, bot_id: str) -> Flow[Bot]:
    """Return the published version of a bot, through the older endpoint.

    Args:
        bot_id: The bot.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.bots.retrieve_published(bot_id="7379").name  # doctest: +SKIP

    Protocol: section 6.4, legacy; also in Studio.
    """
    query = {"bot_id": check_id("bot_id", bot_id)}
    call = Call("GET", "/v1/bot/get_online_info", query=query, repeatable=True)
    return (yield from send(call)).read(Bot)


def list(
    *,
    workspace_id: str,
    publish_status: PublishStatus | None = None,
    connector_id: str | None = None,
    page_size: int = 20,
) -> Pages[BotSummary]:
    """Iterate over the bots of a workspace.

    Args:
        workspace_id: The workspace.
        publish_status: Which bots; those published to the channel if None.
        connector_id: The channel; 1024, the API, if None.
        page_size: Bots a request.

    Raises:
        CozeError: While iterating: the server refused.

    Example:
        >>> for bot in client.bots.list(workspace_id="7348"):  # doctest: +SKIP
        ...     print(bot.id, bot.name)

    Protocol: section 6.4.
    """
    call = Call(
        "GET",
        "/v1/bots",
        query={
            "workspace_id": check_id("workspace_id", workspace_id),
            "publish_status": publish_status,
            "connector_id": connector_id,
        },
        repeatable=True,
    )
    return Pages(call, BotSummary, "items", "page_num", page_size)


def list_published(*, space_id: str, page_size: int = 20) -> Pages[BotSummary]:
    """Iterate over the published bots of a workspace, through the older endpoint.

    Args:
        space_id: The workspace.
        page_size: Bots a request.

    Raises:
        CozeError: While iterating: the server refused.

    Example:
        >>> for bot in client.bots.list_published(space_id="7348"):  # doctest: +SKIP
        ...     print(bot.id, bot.name)

    Protocol: section 6.4, legacy.
    """
    call = Call(
        "GET",
        "/v1/space/published_bots_list",
        query={"space_id": check_id("space_id", space_id)},
        repeatable=True,
    )
    return Pages(call, BotSummary, "space_bots", "page_index", page_size)
