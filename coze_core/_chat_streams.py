"""Chat streams, blocking and awaiting, side by side.

Leaving one early asks the server, unless switched off, to cancel the chat: by the protocol notes,
section 2.5, closing alone does not stop it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from operator import attrgetter
from typing import Final

from coze_core._bodies import AsyncBody, Body
from coze_core._desk import Lease
from coze_core._drivers import AsyncDriver, SyncDriver
from coze_core._endpoints.busy import done
from coze_core._flow import Flow
from coze_core._models import Chat
from coze_core._pump import Pump
from coze_core._reader import AnyChatEvent
from coze_core._stream_request import StreamRequest
from coze_core._streams import AsyncEventStream, EventStream, StreamFlows
from coze_core._turn import Turn
from coze_core._turn_parts import Increment

_EVENT_OF: Final = attrgetter("event")


class _Leaving:
    """What both kinds know of their chat."""

    def __init__(self, pump: Pump, request: StreamRequest, flows: StreamFlows) -> None:
        self._pump = pump
        self._asked = request
        self._said = flows

    def ids(self) -> dict[str, str]:
        if not self._asked.can_cancel:
            raise ValueError("v2 has no cancelling: close the stream, which ends it for you")
        turn = self._pump.turn
        if not turn.chat_id or not turn.conversation_id:
            raise ValueError("the chat's ids are not known yet: read an event first")
        return {"conversation_id": turn.conversation_id, "chat_id": turn.chat_id}

    def wants_farewell(self) -> bool:
        lease = self._asked.lease
        if self._cancels or (lease is not None and lease.holds):
            return True
        self.let_go()  # nobody is to be told
        return False

    def farewell(self) -> Flow[None]:
        said = self._said.quick_cancel(**self.ids()) if self._cancels else None
        return done(self._asked.lease or Lease(), said)

    @property
    def _cancels(self) -> bool:
        wanted = self._asked.cancel_on_close or self._pump.superseded
        return wanted and self._asked.can_cancel and self._pump.should_cancel

    def begun(self, body: Body | AsyncBody | None) -> None:
        if self._asked.lease is not None and body is not None:
            self._asked.lease.connection = body.hold

    def let_go(self) -> None:
        if self._asked.lease is not None:
            self._asked.lease.release()


class ChatStream(EventStream[Increment]):
    """A chat as it is being answered.

    Iterate over it for events, inside a `with` block or not; `turn` has all that has arrived.

    Raises:
        ChatFailedError: While iterating, if the chat fails.
        IncompleteStreamError: While iterating, if the stream is cut.
        APITimeoutError: While iterating, if the server is silent for too long.

    Example:
        >>> with client.chat.stream(bot_id=bot, user_id="u", messages=[question]) as stream:
        ...     for piece in stream.text():  # doctest: +SKIP
        ...         print(piece, end="", flush=True)
    """

    def __init__(
        self, driver: SyncDriver, pump: Pump, request: StreamRequest, flows: StreamFlows
    ) -> None:
        super().__init__(driver, pump, request, flows)
        self._chat = _Leaving(pump, request, flows)
        self._turn = pump.turn

    @property
    def turn(self) -> Turn:
        """Everything that has arrived so far."""
        return self._turn

    def _open(self) -> None:
        try:
            super()._open()
        except BaseException:
            self._chat.let_go()
            raise
        self._chat.begun(self._body)

    def __iter__(self) -> Iterator[AnyChatEvent]:
        return map(_EVENT_OF, self.increments())

    def text(self) -> Iterator[str]:
        """Iterate over the new pieces of the answer's text."""
        for increment in self.increments():
            if increment.text:
                yield increment.text

    def until_done(self) -> Turn:
        """Read all of the stream and return the turn."""
        for _ in self.batches():
            continue
        return self.turn

    def cancel(self) -> Chat:
        """Ask the server to cancel the chat and return it as it then stands.

        Raises:
            ValueError: If no event has told the chat's id yet.
        """
        return self._driver.run(self._flows.cancel(**self._chat.ids()))

    def _wants_farewell(self) -> bool:
        return self._chat.wants_farewell()

    def _farewell(self) -> Flow[None]:
        return self._chat.farewell()


class AsyncChatStream(AsyncEventStream[Increment]):
    """A chat as it is being answered.

    Iterate over it for events, inside an `async with` block or not; `turn` has all that has
    arrived.

    Raises:
        ChatFailedError: While iterating, if the chat fails.
        IncompleteStreamError: While iterating, if the stream is cut.
        APITimeoutError: While iterating, if the server is silent for too long.

    Example:
        >>> async with client.chat.stream(bot_id=bot, user_id="u", messages=[question]) as stream:
        ...     async for piece in stream.text():  # doctest: +SKIP
        ...         print(piece, end="", flush=True)
    """

    def __init__(
        self, driver: AsyncDriver, pump: Pump, request: StreamRequest, flows: StreamFlows
    ) -> None:
        super().__init__(driver, pump, request, flows)
        self._chat = _Leaving(pump, request, flows)
        self._turn = pump.turn

    @property
    def turn(self) -> Turn:
        """Everything that has arrived so far."""
        return self._turn

    async def _open(self) -> None:
        try:
            await super()._open()
        except BaseException:
            self._chat.let_go()
            raise
        self._chat.begun(self._body)

    async def __aiter__(self) -> AsyncIterator[AnyChatEvent]:
        async with contextlib.aclosing(self.increments()) as increments:
            async for increment in increments:
                yield increment.event

    async def text(self) -> AsyncGenerator[str, None]:
        """Iterate over the new pieces of the answer's text."""
        async with contextlib.aclosing(self.increments()) as increments:
            async for increment in increments:
                if increment.text:
                    yield increment.text

    async def until_done(self) -> Turn:
        """Read all of the stream and return the turn."""
        async with contextlib.aclosing(self.batches()) as batches:
            async for _ in batches:
                continue
        return self.turn

    async def cancel(self) -> Chat:
        """Ask the server to cancel the chat and return it as it then stands.

        Raises:
            ValueError: If no event has told the chat's id yet.
        """
        return await self._driver.run(self._flows.cancel(**self._chat.ids()))

    def _wants_farewell(self) -> bool:
        return self._chat.wants_farewell()

    def _farewell(self) -> Flow[None]:
        return self._chat.farewell()
