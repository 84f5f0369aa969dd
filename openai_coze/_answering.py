"""From ways to an answer to the first one that gives it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Final

from coze_core import CozeError, NotFoundError, PermissionDeniedError
from coze_core.dialog import AsyncDialogue, CallPiece, Piece, Result, converse_async
from openai_coze._access import Way
from openai_coze._health import Health, goes_elsewhere
from openai_coze._problems import Refused
from openai_coze._request import Wanted
from openai_coze._response_ids import conversation_of

# What a caller's ids may be the reason of: it says nothing of the bot that was asked.
_OF_IDS: Final = (NotFoundError, PermissionDeniedError)


class Answering:
    """An answer that has begun, or is whole.

    Attributes:
        way: Who gives it.
    """

    def __init__(self, way: Way, dialogue: AsyncDialogue) -> None:
        self.way = way
        self._dialogue = dialogue
        self._coming: AsyncGenerator[Sequence[Piece], None] = aiter(dialogue)
        self._first: list[Sequence[Piece]] = []

    @property
    def result(self) -> Result:
        """The whole answer, once it has been read."""
        return self._dialogue.result

    @property
    def conversation_id(self) -> str | None:
        """The conversation that it stands in, as far as that is known."""
        if self._first:
            return conversation_of(self._first)
        return self.result.turn.conversation_id

    async def begin(self) -> None:
        """Wait for the first piece that a caller would see.

        Raises:
            CozeError: There will be none.
            ValueError: The history cannot be answered.
        """
        async for pieces in self._coming:
            self._first.append(pieces)
            if any(isinstance(piece, CallPiece) or piece[0] or piece[1] for piece in pieces):
                return

    async def finish(self) -> Result:
        """Read all of the answer.

        Raises:
            CozeError: The answer ended early.
            ValueError: The history cannot be answered.
        """
        async for _ in self._coming:
            continue
        return self.result

    async def pieces(self) -> AsyncGenerator[Sequence[Piece], None]:
        """Iterate over the pieces, those of `begin` first."""
        for pieces in self._first:
            yield pieces
        self._first = []
        async for pieces in self._coming:
            yield pieces

    async def aclose(self) -> None:
        """Give it up: the chat is cancelled if it still runs."""
        await self._coming.aclose()


async def answered(
    wanted: Wanted,
    ways: Sequence[Way],
    converse: Callable[[Way], AsyncDialogue],
    health: Health,
    moved: Callable[[Way, CozeError], None],
) -> Answering:
    """Return an answer that has begun (a whole one, if it is not streamed).

    Args:
        wanted: What is wanted.
        ways: The ways to it, the preferred one first.
        converse: Opens the dialogue on one of them.
        health: What is known of them.
        moved: Is told of each way that failed.

    Raises:
        CozeError: None of them gave it; the first one's error.
        ValueError: The history cannot be answered.
        Refused: None of them may.
    """
    first: CozeError | None = None
    ordered = chosen(wanted, ways, health)
    for number, way in enumerate(ordered, 1):
        if number < len(ordered):
            way = way.at_once
        answering = Answering(way, converse(way))
        try:
            if wanted.streamed:
                await answering.begin()
            else:
                await answering.finish()
        except CozeError as error:
            await answering.aclose()
            if not (wanted.is_bound and isinstance(error, _OF_IDS)):
                health.failed(*way.place, error)
            moved(way, error)
            if not goes_elsewhere(error):
                raise
            first = first or error
        else:
            health.worked(*way.place)
            return answering
    if first is not None:
        raise first
    raise Refused(
        "the conversation or the request names a bot that is none of this model's / "
        "会话或请求指定的机器人不属于该模型"
    )


def chosen(wanted: Wanted, ways: Sequence[Way], health: Health) -> list[Way]:
    """Return the ways to try, in order.

    Args:
        wanted: What is wanted.
        ways: All of them, the preferred one first.
        health: What is known of them.

    Raises:
        Refused: None of them can read the files of the history.
    """
    found = _of_bots(wanted, ways, health)
    if wanted.account is None:
        return found
    reading = [way for way in found if way.route.account == wanted.account]
    if found and not reading:
        raise Refused(
            "a file of the request was uploaded for another model: upload it again, with the form "
            f"field model={wanted.model} / 文件不属于该模型所在账号，请在上传时指定 model 字段",
            code="file_of_another_model",
            param="messages",
        )
    return reading


def _of_bots(wanted: Wanted, ways: Sequence[Way], health: Health) -> list[Way]:
    if wanted.bot_id is not None:
        return [way for way in ways if way.id == wanted.bot_id]
    if wanted.is_bound:
        return list(ways[:1])  # a conversation belongs to one bot
    ordered = health.in_order(ways, lambda way: way.place)
    waiting = wanted.waiting_bot
    return sorted(ordered, key=lambda way: way.id != waiting) if waiting else ordered


def dialogue_of(
    wanted: Wanted, way: Way, user_id: str, settings: Mapping[str, Any]
) -> AsyncDialogue:
    """Open the dialogue on one way.

    Args:
        wanted: What is wanted.
        way: Whom to ask.
        user_id: The end user, if the request names none.
        settings: Those of the model.

    Raises:
        ValueError: Options that do not go together.
    """
    user = wanted.user or settings.get("user_id") or user_id
    ask = wanted.ask(way.route, user, settings)
    return converse_async(way.client, wanted.entries, ask)
