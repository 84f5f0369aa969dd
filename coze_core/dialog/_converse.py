"""The two drivers of a dialogue, blocking and awaiting, side by side."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.to_thread

from coze_core._errors import CozeError
from coze_core._unlisted import Unlisted
from coze_core.dialog._answer import Ask, answer
from coze_core.dialog._history import Entry
from coze_core.dialog._pieces import Piece, Result
from coze_core.dialog._steps import Do, DoAll, HandOut, Listen, Step, Talk, Work

if TYPE_CHECKING:
    from coze_core._client import AsyncCozeClient, CozeClient

C = TypeVar("C")


class _Dialogue(Generic[C]):
    """A dialogue that is continued by one answer."""

    def __init__(self, client: C, talk: Talk[Result]) -> None:
        self._client = client
        self._talk = talk
        self._step: Step | None = None
        self._result: Result | None = None

    @property
    def result(self) -> Result:
        """The whole answer.

        Raises:
            RuntimeError: If it has not been read to its end.
        """
        if self._result is None:
            raise RuntimeError("the answer has not been read to its end")
        return self._result

    def _advance(self, outcome: Any = None, error: BaseException | None = None) -> bool:
        """Tell what came of a step and learn the next one; False if there is none."""
        try:
            if error is not None:
                self._step = self._talk.throw(error)
            elif self._step is None:
                self._step = next(self._talk)
            else:
                self._step = self._talk.send(outcome)
        except StopIteration as stop:
            self._result = stop.value
            return False
        return True


class Dialogue(_Dialogue["CozeClient"]):
    """One answer of a bot as it comes; iterate over it, then look at `result`.

    Example:
        >>> dialogue = converse(client, [Entry("user", "hi")], ask)  # doctest: +SKIP
        >>> for pieces in dialogue:  # doctest: +SKIP
        ...     print(*(piece.text for piece in pieces))
        >>> dialogue.result.text  # doctest: +SKIP
    """

    def __iter__(self) -> Generator[Sequence[Piece], None, None]:
        going = self._advance()
        while going:
            step = self._step
            try:
                outcome = yield from self._perform(step)
            except (CozeError, ValueError) as error:
                going = self._advance(error=error)
            else:
                going = self._advance(outcome)

    def _perform(self, step: Step | None) -> Generator[Sequence[Piece], None, Any]:
        if isinstance(step, Listen):
            return (yield from self._listen(step))
        if isinstance(step, HandOut):
            if step.pieces:
                yield step.pieces
            return None
        if isinstance(step, Do):
            return self._client.run(step.flow)
        if isinstance(step, DoAll):
            return [self._client.run(flow) for flow in step.flows]
        if isinstance(step, Work):
            return step.call()
        return None

    def _listen(self, step: Listen) -> Generator[Sequence[Piece], None, Any]:
        with self._client.open_stream(step.request) as stream:
            listener = step.listener
            for batch in stream.batches():
                pieces = listener.hear(batch, stream.turn)
                del batch
                if pieces:
                    yield pieces
                del pieces  # before more is waited for
                if listener.stopped:
                    break
        return stream.turn

    def until_done(self) -> Result:
        """Read all of the answer and return it."""
        for _ in self:
            continue
        return self.result


class AsyncDialogue(_Dialogue["AsyncCozeClient"]):
    """One answer of a bot as it comes; iterate over it, then look at `result`.

    Example:
        >>> dialogue = converse_async(client, [Entry("user", "hi")], ask)  # doctest: +SKIP
        >>> async for pieces in dialogue:  # doctest: +SKIP
        ...     print(*(piece.text for piece in pieces))
        >>> dialogue.result.text  # doctest: +SKIP
    """

    def __aiter__(self) -> Unlisted[Sequence[Piece]]:
        return Unlisted(self._pieces())

    async def _pieces(self) -> AsyncGenerator[Sequence[Piece], None]:
        going = self._advance()
        while going:
            step = self._step
            outcome: Any = None
            try:
                if isinstance(step, Listen):
                    listener = step.listener
                    async with (
                        self._client.open_stream(step.request) as stream,
                        contextlib.aclosing(Unlisted(stream.batches())) as batches,
                    ):
                        async for batch in batches:
                            pieces = listener.hear(batch, stream.turn)
                            del batch
                            if pieces:
                                yield pieces
                            del pieces  # before more is waited for
                            if listener.stopped:
                                break
                    outcome = stream.turn
                elif isinstance(step, HandOut):
                    if step.pieces:
                        yield step.pieces
                else:
                    outcome = await self._perform(step)
            except (CozeError, ValueError) as error:
                going = self._advance(error=error)
            else:
                going = self._advance(outcome)

    async def _perform(self, step: Step | None) -> Any:
        if isinstance(step, Do):
            return await self._client.run(step.flow)
        if isinstance(step, DoAll):
            return await self._all(step)
        if isinstance(step, Work):
            return await anyio.to_thread.run_sync(step.call)
        return None

    async def _all(self, step: DoAll) -> list[Any]:
        found: list[Any] = [None] * len(step.flows)
        errors: list[CozeError | ValueError] = []

        async def run(place: int) -> None:
            try:
                found[place] = await self._client.run(step.flows[place])
            except (CozeError, ValueError) as error:
                errors.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for place in range(len(step.flows)):
                group.start_soon(run, place)
        if errors:
            raise errors[0]  # as the blocking driver would, and not in a group
        return found

    async def until_done(self) -> Result:
        """Read all of the answer and return it."""
        async for _ in self:
            continue
        return self.result


def converse(client: CozeClient, entries: Sequence[Entry], ask: Ask) -> Dialogue:
    """Continue a dialogue by one answer, blocking.

    Args:
        client: Through which to ask.
        entries: The history; the question, or results of tools, last.
        ask: What is wanted.

    Raises:
        ValueError: While iterating: nothing to ask, or results of tools are missing.
        CozeError: While iterating: the server refused, the chat failed or the stream was cut.
    """
    return Dialogue(client, answer(entries, ask, client.memo))


def converse_async(client: AsyncCozeClient, entries: Sequence[Entry], ask: Ask) -> AsyncDialogue:
    """Continue a dialogue by one answer, awaiting.

    Args:
        client: Through which to ask.
        entries: The history; the question, or results of tools, last.
        ask: What is wanted.

    Raises:
        ValueError: While iterating: nothing to ask, or results of tools are missing.
        CozeError: While iterating: the server refused, the chat failed or the stream was cut.
    """
    return AsyncDialogue(client, answer(entries, ask, client.memo))
