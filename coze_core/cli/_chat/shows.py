"""How a turn is shown: as text, as Markdown, or as JSON lines."""

from __future__ import annotations

import json
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live

from coze_core import _events as events
from coze_core._errors import CozeError
from coze_core._models import ToolCall
from coze_core._turn import Turn
from coze_core._turn_parts import Increment
from coze_core.cli._chat.clock import Clock
from coze_core.cli._errors import error_json, one_line, report
from coze_core.cli._output import plain, say_json, stderr, stdout, write

_LOCAL_PLUGIN = 6


class Show(Protocol):
    """Shows one turn after another."""

    def increment(self, increment: Increment) -> None:
        """Show what one event brought."""

    def answered(self, call: ToolCall, output: str) -> None:
        """Show what a local tool was answered with."""

    def ended(self, turn: Turn, clock: Clock) -> None:
        """Show how the turn ended."""

    def failed(self, error: CozeError) -> None:
        """Show why there is no answer, or not all of it."""

    def canceled(self) -> None:
        """Show that the user has stopped it."""


def tool_news(increment: Increment) -> tuple[str, str] | None:
    """Return what a tool on the server was asked or has answered, if this tells of one."""
    event = increment.event
    if isinstance(event, events.FunctionCallCompleted) and event.plugin_type != _LOCAL_PLUGIN:
        return "call", f"{event.tool_name}({json.dumps(event.arguments, ensure_ascii=False)})"
    if isinstance(event, events.ToolResponseCompleted):
        return "response", event.output
    return None


class TextShow:
    """The answer to stdout as it comes; thoughts, tools and figures to stderr.

    Args:
        quiet: Whether only the answer is wanted.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._out: Console = stdout()
        self._about: Console = stderr()
        self._quiet = quiet
        self._open: Console | None = None  # whose line is not ended yet
        self._told: list[str] = []  # outputs of ours, which the server repeats

    def increment(self, increment: Increment) -> None:
        """Show what one event brought."""
        if increment.reasoning and not self._quiet:
            if self._open is not self._about:
                self._end_line()
                self._about.print("(thinking) ", style="dim", end="")
            self._about.out(plain(increment.reasoning), style="dim", end="")
            self._open = self._about
        if increment.text:
            if self._open is self._about:
                self._end_line()
            self._text(increment.text)
        news = tool_news(increment)
        if news is not None and news[1] in self._told:
            self._told.remove(news[1])
        elif news is not None:
            mark = "->" if news[0] == "call" else "<-"
            self._note(f"[tool] {mark} {_short(news[1])}")

    def _text(self, text: str) -> None:
        write(text)
        self._open = self._out

    def answered(self, call: ToolCall, output: str) -> None:
        """Show what a local tool was answered with."""
        self._note(f"[tool] {call.name}({call.arguments}) = {_short(output)}")
        self._told.append(output)

    def ended(self, turn: Turn, clock: Clock) -> None:
        """Show how the turn ended."""
        self._end_line()
        for card in turn.cards:
            self._note(f"[card] {_short(card)}")
        for item in turn.attachments:
            self._note(f"[{item.get('type')}] {item.get('file_url') or _short(json.dumps(item))}")
        if turn.audio:
            self._note(f"[audio] {len(turn.audio)} bytes")
        for follow_up in turn.follow_ups:
            self._note(f"[you might ask] {follow_up}")
        self._note(f"[{_facts(turn, clock)}]")

    def failed(self, error: CozeError) -> None:
        """Show why there is no answer, or not all of it."""
        self._end_line()
        report(one_line(error))

    def canceled(self) -> None:
        """Show that the user has stopped it."""
        self._end_line()
        self._note("[cancelled / 已取消]")

    def _note(self, text: str) -> None:
        self._end_line()
        if not self._quiet:
            self._about.out(plain(text), style="dim", highlight=False)

    def _end_line(self) -> None:
        if self._open is not None:
            self._open.out("")
            self._open = None


class MarkdownShow(TextShow):
    """As text, but the answer rendered as Markdown; on a terminal, while it comes."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self._answer = ""
        self._live: Live | None = None

    def _text(self, text: str) -> None:
        from rich.markdown import Markdown  # only those who want it pay for it

        self._answer += plain(text)
        if self._live is None:
            self._live = Live(console=self._out, vertical_overflow="visible")
            self._live.start()
        self._live.update(Markdown(self._answer))

    def _end_line(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live, self._answer = None, ""
        super()._end_line()


class JsonShow:
    """One JSON object a line: every event that says something, then the turn."""

    def increment(self, increment: Increment) -> None:
        """Show what one event brought."""
        if increment.reasoning:
            say_json({"event": "reasoning", "text": increment.reasoning})
        if increment.text:
            say_json({"event": "text", "text": increment.text})
        event = increment.event
        if isinstance(event, events.ChatCreated):
            chat = event.chat
            say_json({"event": "chat", "id": chat.id, "conversation_id": chat.conversation_id})
        elif isinstance(event, events.FollowUpCompleted):
            say_json({"event": "follow_up", "text": event.text})
        elif isinstance(event, events.FunctionCallCompleted):
            say_json({"event": "tool_call", "name": event.tool_name, "arguments": event.arguments})
        elif isinstance(event, events.ToolResponseCompleted):
            say_json({"event": "tool_response", "output": event.output})

    def answered(self, call: ToolCall, output: str) -> None:
        """Show what a local tool was answered with."""
        say_json({"event": "tool_output", "tool_call_id": call.id, "output": output})

    def ended(self, turn: Turn, clock: Clock) -> None:
        """Show how the turn ended."""
        usage = turn.usage
        counts: dict[str, Any] = {} if usage is None else usage.model_dump()
        say_json(
            {
                "event": "turn",
                "status": turn.status,
                "answer": turn.answer,
                "reasoning": turn.reasoning,
                "follow_ups": turn.follow_ups,
                "tool_calls": [call.model_dump() for call in turn.tool_calls],
                "cards": turn.cards,
                "attachments": turn.attachments,
                "usage": counts or None,
                "conversation_id": turn.conversation_id,
                "chat_id": turn.chat_id,
                "log_id": turn.log_id,
                "first_token_seconds": clock.first,
                "seconds": clock.total,
            }
        )

    def failed(self, error: CozeError) -> None:
        """Show why there is no answer, or not all of it."""
        say_json(error_json(error))
        report(one_line(error))

    def canceled(self) -> None:
        """Show that the user has stopped it."""
        say_json({"event": "canceled"})


def _facts(turn: Turn, clock: Clock) -> str:
    first = "no words" if clock.first is None else f"first token {1000 * clock.first:.0f} ms"
    facts = [first, f"total {1000 * (clock.total or 0):.0f} ms"]
    if turn.usage is not None:
        facts.append(f"{turn.usage.input_tokens or 0} tokens in, {turn.usage.output_tokens} out")
    if turn.status != "completed":
        facts.append(turn.status)
    return "; ".join(facts)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:200] + "…"
