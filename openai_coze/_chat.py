"""`/v1/chat/completions`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from coze_core import CozeError
from coze_core.dialog import AsyncDialogue, Result
from openai_coze._access import Way
from openai_coze._answering import Answering, answered, dialogue_of
from openai_coze._chunks import ChunkWriter, completion_of
from openai_coze._discreet import detail_of
from openai_coze._exchange import Exchange
from openai_coze._file_ids import placed
from openai_coze._gate import while_there
from openai_coze._hub import Hub
from openai_coze._observe import LOG
from openai_coze._request import Wanted, wanted_of_chat
from openai_coze._settings import BotModel
from openai_coze._waiting import check_waiting
from openai_coze._writer import Writer

# Of fields without effect; callers make their names up, and heads of answers have bounds.
_LONGEST_NAME: Final = 64
_MOST_NAMES: Final = 50


async def chat_completions(hub: Hub, exchange: Exchange) -> None:
    """Answer a request for a chat completion.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: No bot answered.
        ValueError: The request cannot be answered.
        Refused: The request is not passed on.
    """
    exchange.limit(hub.settings.limits.body, hub.settings.limits.reading, hub.room)
    body = await exchange.json()
    wanted = wanted_of_chat(body, most_messages=hub.settings.limits.messages)
    id, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
    if wanted.streamed:
        writer = ChunkWriter(id, model=wanted.model, created=created, with_usage=wanted.with_usage)
        await while_there(exchange, streamed(hub, exchange, wanted, lambda _: writer))
        return

    async def whole() -> None:
        answering = await begun(hub, exchange, wanted)
        told = completion_of(answering.result, id, model=wanted.model, created=created)
        await exchange.answer(told, headers=headers_of(wanted, answering, answering.result))

    await while_there(exchange, whole())


async def begun(hub: Hub, exchange: Exchange, wanted: Wanted) -> Answering:
    """Return the answer to a request, once it has begun (or is whole, if not streamed).

    Args:
        hub: What all requests have in common.
        exchange: The request.
        wanted: What is wanted.

    Raises:
        CozeError: No bot answered.
        ValueError: The request cannot be answered.
        Refused: The model is not there, or not for this caller.
    """
    caller = exchange.caller
    if caller is None:
        raise RuntimeError("nobody was admitted")
    exchange.note(model=wanted.model, streamed=wanted.streamed)
    model: BotModel = hub.access.model_of(caller, wanted.model)
    hub.access.check_options(caller, wanted.options)
    entries, account = placed(wanted.entries, hub.access.accounts_of(caller))
    wanted = replace(wanted, entries=entries, account=account)
    ways = hub.access.ways_of(caller, model)
    if not caller.has_own_token:  # who pays themselves may reach all that they pay for
        await check_waiting(wanted.entries, ways)

    def converse(way: Way) -> AsyncDialogue:
        return dialogue_of(wanted, way, caller.user_id, model.options)

    def moved(way: Way, error: CozeError) -> None:
        failed = int(exchange.facts.get("failed_ways", 0)) + 1
        exchange.note(failed_ways=failed)
        LOG.warning("bot %s of %s failed: %s", way.id, way.account, detail_of(error))

    answering = await answered(wanted, ways, converse, hub.health, moved)
    exchange.note(
        bot_id=answering.way.id,
        first_token_seconds=round(time.monotonic() - exchange.began, 4),
    )
    if not wanted.streamed:
        note_result(exchange, answering.result)
    return answering


async def streamed(
    hub: Hub, exchange: Exchange, wanted: Wanted, writer_of: Callable[[Answering], Writer]
) -> None:
    """Send an answer as it comes.

    Args:
        hub: What all requests have in common.
        exchange: The request.
        wanted: What is wanted.
        writer_of: Returns what writes the pieces of an answer that has begun.

    Raises:
        CozeError: No bot answered, or the answer ended early.
        ValueError: The request cannot be answered.
        Refused: The request is not passed on.
    """
    answering = await begun(hub, exchange, wanted)
    async with aclosing(answering), aclosing(answering.pieces()) as coming:
        writer = writer_of(answering)
        exchange.failure = writer.failure
        await exchange.start(200, writer.content_type, headers_of(wanted, answering))
        written = writer.begin()
        async for pieces in coming:
            written += writer.pieces(pieces)
            if written:
                await exchange.write(written)  # waits while the caller does not read
                written = b""
        note_result(exchange, answering.result)
        await exchange.write(written + writer.end(answering.result), last=True)


def headers_of(
    wanted: Wanted, answering: Answering, result: Result | None = None
) -> dict[str, str]:
    """Return what the head of an answer tells.

    Args:
        wanted: What was wanted.
        answering: The answer.
        result: All of it, if it is known already.
    """
    found = {"x-coze-bot-id": answering.way.id, "x-accel-buffering": "no"}
    if wanted.ignored:
        found["x-coze-ignored"] = ", ".join(
            quote(name[:_LONGEST_NAME]) for name in wanted.ignored[:_MOST_NAMES]
        )
    if result is not None and result.turn.log_id:
        found["x-coze-logid"] = result.turn.log_id
    return found


def note_result(exchange: Exchange, result: Result) -> None:
    """Note what logs tell of an answer; nothing of what was said.

    Args:
        exchange: The request.
        result: The whole answer.
    """
    tokens = result.tokens
    exchange.note(
        conversation_id=result.turn.conversation_id,
        chat_id=result.turn.chat_id,
        logid=result.turn.log_id,
        finish_reason=result.finish_reason,
        calls=len(result.calls) or None,
        input_tokens=tokens[0] if tokens else None,
        output_tokens=tokens[1] if tokens else None,
    )
