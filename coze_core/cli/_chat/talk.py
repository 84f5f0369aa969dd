"""A conversation with a bot: questions in, turns out, the tool calls between them answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coze_core._chat_streams import ChatStream
from coze_core._client import CozeClient
from coze_core._models import ToolCall, ToolOutput
from coze_core._turn import Turn
from coze_core.cli._chat.attachments import message
from coze_core.cli._chat.clock import Clock
from coze_core.cli._chat.shows import Show

_MOST_ROUNDS: Final = 20  # of tool calls in one turn
AnswerTool = Callable[[ToolCall], str | None]


@dataclass
class Talk:
    """A conversation.

    Attributes:
        client: The client.
        bot_id: The bot.
        user_id: The end user.
        show: Shows what happens.
        answer_tool: Returns the output of a local tool, or None if nobody has it.
        conversation_id: The conversation; None until the first answer of a new one.
        draft: Whether the bot's draft is meant instead of the published version.
    """

    client: CozeClient
    bot_id: str
    user_id: str
    show: Show
    answer_tool: AnswerTool
    conversation_id: str | None = None
    draft: bool = False

    def ask(self, text: str, paths: Sequence[Path] = ()) -> Turn:
        """Ask, show the answer and return the turn; it may still wait for tool outputs.

        Raises:
            CozeError: The server refused, or the chat failed.
            KeyboardInterrupt: The user stopped it; the chat has been cancelled.
        """
        clock = Clock()
        clock.start()
        stream = self.client.chat.stream(
            bot_id=self.bot_id,
            user_id=self.user_id,
            messages=[message(self.client, text, paths)],
            conversation_id=self.conversation_id,
            publish_status="unpublished_draft" if self.draft else None,
        )
        turn = self._follow(stream, clock)
        for _ in range(_MOST_ROUNDS):
            outputs = self._outputs(turn)
            if not outputs:
                break
            clock.start()
            turn = self._follow(
                self.client.chat.stream_tool_outputs(
                    conversation_id=turn.conversation_id or "",
                    chat_id=turn.chat_id or "",
                    tool_outputs=outputs,
                ),
                clock,
            )
        self.show.ended(turn, clock)
        return turn

    def _follow(self, stream: ChatStream, clock: Clock) -> Turn:
        # Leaving the block early, as Ctrl-C does, cancels the chat on the server.
        with stream:
            try:
                for increment in stream.increments():
                    if increment.text or increment.reasoning:
                        clock.piece()
                    self.show.increment(increment)
            finally:
                clock.stop()
                self.conversation_id = stream.turn.conversation_id or self.conversation_id
        return stream.turn

    def _outputs(self, turn: Turn) -> list[ToolOutput]:
        """Return outputs for all calls, or nothing: Coze takes them together only."""
        found = []
        for call in turn.tool_calls:
            output = self.answer_tool(call)
            if output is None:
                return []
            self.show.answered(call, output)
            found.append(ToolOutput(tool_call_id=call.id, output=output))
        return found
