"""Which tools a bot has of its own."""

from __future__ import annotations

from typing import Final, cast

from coze_core._bot_models import Bot
from coze_core._endpoints import bots
from coze_core._errors import APIStatusError, CozeError
from coze_core._flow import Flow, exclusive
from coze_core._memo import Memo, Slot

_SECONDS: Final = 600.0
_SECONDS_UNKNOWN: Final = 60.0  # when the server did not say


def declared_tools(bot_id: str, *, draft: bool, memo: Memo) -> Flow[frozenset[str]]:
    """Return the names of a bot's own tools; none of them if the server does not tell.

    Args:
        bot_id: The bot.
        draft: Whether its draft is meant.
        memo: The client's.
    """
    slot = memo.slot(("tools", bot_id, draft))
    if not memo.fresh(slot):
        yield from exclusive(slot, lambda: _ask(slot, bot_id, draft=draft, memo=memo))
    return cast("frozenset[str]", slot.value)


def _ask(slot: Slot, bot_id: str, *, draft: bool, memo: Memo) -> Flow[None]:
    if memo.fresh(slot):
        return
    bot = yield from _bot(bot_id, draft=draft)
    if bot is None:
        # A token may lack the permission to look at bots. Described in words, a tool can be called
        # on any bot, and a native call is honoured all the same.
        memo.keep(slot, frozenset[str](), _SECONDS_UNKNOWN)
        return
    names = {tool.name for plugin in bot.plugin_info_list for tool in plugin.api_info_list}
    memo.keep(slot, frozenset(names), _SECONDS)


def _bot(bot_id: str, *, draft: bool) -> Flow[Bot | None]:
    """Return the bot as far as this server tells; Studio has the older endpoint only (10.1)."""
    try:
        return (yield from bots.retrieve(bot_id=bot_id, is_published=False if draft else None))
    except CozeError as error:
        if draft or not isinstance(error, APIStatusError):
            return None
    try:
        return (yield from bots.retrieve_published(bot_id=bot_id))
    except CozeError:
        return None
