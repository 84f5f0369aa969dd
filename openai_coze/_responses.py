"""`/v1/responses`."""

from __future__ import annotations

import time

from openai_coze._answering import Answering
from openai_coze._chat import begun, headers_of, streamed
from openai_coze._exchange import Exchange
from openai_coze._gate import while_there
from openai_coze._hub import Hub
from openai_coze._response_ids import response_id
from openai_coze._responses_request import wanted_of_response
from openai_coze._responses_writer import ResponseWriter


async def responses(hub: Hub, exchange: Exchange) -> None:
    """Answer a request for a response.

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
    wanted = wanted_of_response(body, most_messages=hub.settings.limits.messages)
    writer = ResponseWriter(body, model=wanted.model, created=int(time.time()))

    def identified(answering: Answering) -> ResponseWriter:
        writer.identify(response_id(answering.conversation_id, answering.way.id))
        return writer

    if wanted.streamed:
        await while_there(exchange, streamed(hub, exchange, wanted, identified))
        return

    async def whole() -> None:
        answering = await begun(hub, exchange, wanted)
        told = identified(answering).whole(answering.result)
        await exchange.answer(told, headers=headers_of(wanted, answering, answering.result))

    await while_there(exchange, whole())
