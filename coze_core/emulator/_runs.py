"""Running chats: a bot's parts become messages and events, whether or not anybody listens.

A chat does not depend on the connection that began it (protocol notes, section 2.5): leaving a
stream does not stop it, cancelling it does not end a stream.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from coze_core.emulator import _bots as parts
from coze_core.emulator._asked import bot_message, context_messages, context_of, parts_of
from coze_core.emulator._bots import Bot, BotMessage, Part, tokens
from coze_core.emulator._chat_shapes import function_call, message_frame, pending_call, shown_chat
from coze_core.emulator._http import Clock
from coze_core.emulator._profile import Profile
from coze_core.emulator._store import Document, Store

Event = tuple[str, dict[str, Any]]
_AUDIO_BLOCK = 4800  # bytes of samples in one event: a tenth of a second


class ChatRun:
    """One chat while it runs or waits.

    Args:
        chat: The chat as it is stored.
        bot: The bot that answers.
        extra: Messages that are not stored, when the caller turned storing off.
    """

    def __init__(
        self,
        chat: Document,
        bot: Bot,
        extra: list[Document],
        *,
        store: Store,
        clock: Clock,
        profile: Profile,
    ) -> None:
        self.chat = chat
        self.bot = bot
        self.listeners = 0
        self._extra = extra
        self._store = store
        self._clock = clock
        self._profile = profile
        self._events: list[Event] = []
        self._changed = asyncio.Event()
        self._answer_id = ""
        self._answer: list[str] = []
        self._reasoning: list[str] = []
        self._audio: list[bytes] = []
        self._follow_ups: list[str] = []
        self._usage: parts.Usage | None = None
        self._output_tokens = 0
        self._task: asyncio.Task[None] | None = None

    # -- from outside

    def start(self, *, resumed: bool = False) -> int:
        """Begin or go on; return the position of the first new event."""
        position = len(self._events)
        if not resumed:
            self._say_status("created")
        self._set_status("in_progress")
        self._say_status("in_progress")
        self._task = asyncio.get_running_loop().create_task(self._run())
        return position

    @property
    def running(self) -> bool:
        """Whether the bot is at work."""
        return self._task is not None and not self._task.done()

    async def events(self, position: int) -> AsyncIterator[bytes]:
        """Yield what is said from this position on, encoded, to the end of this stretch."""
        async with contextlib.aclosing(self.told(position)) as told:
            async for name, data in told:
                yield self._profile.event(name, data)
                if name == "error" and self._profile.is_studio:
                    return  # Studio sends nothing after an error
        yield self._profile.end()

    async def told(self, position: int) -> AsyncGenerator[Event, None]:
        """Yield what is said from this position on, to the end of this stretch."""
        self.listeners += 1
        try:
            while True:
                while position < len(self._events):
                    position += 1
                    yield self._events[position - 1]
                if not self.running:
                    break
                await self._changed.wait()
        finally:
            self.listeners -= 1
            self._stop_if_pointless()

    def tell_response(self, output: str) -> None:
        """Say what a local plugin answered; before the bot goes on, as its task runs later."""
        self._message("tool_response", output)

    def cancel(self) -> None:
        """Cancel: the status changes at once, an open stream goes on."""
        self._set_status("canceled")
        self._stop_if_pointless()

    def stop(self) -> None:
        """Stop for good."""
        if self._task is not None:
            self._task.cancel()

    def _stop_if_pointless(self) -> None:
        if self.chat["status"] == "canceled" and not self.listeners:
            self.stop()

    # -- the bot at work

    async def _run(self) -> None:
        try:
            pending = await self._perform()
            if pending is None:
                return
            self._end_answer()
            if pending:
                self._wait_for(pending)
            else:
                self._complete()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a bot may raise anything; Coze says 5000
            self._fail(parts.Fail(5000, f"{type(error).__name__}: {error}"))
        finally:
            self._wake()

    async def _perform(self) -> list[parts.ToolCall | parts.Question] | None:
        """Run the bot; return the calls it waits for, or None if it failed."""
        pending: list[parts.ToolCall | parts.Question] = []
        parts_ = parts_of(self.bot, self._messages(), context_of(self.chat))
        async with contextlib.aclosing(parts_) as all_:
            async for part in all_:
                if isinstance(part, parts.Fail):
                    self._fail(part)
                    return None
                if isinstance(part, parts.ToolCall | parts.Question):
                    pending.append(part)
                else:
                    await self._take(part)
        return pending

    async def _take(self, part: Part) -> None:
        match part:
            case str():
                for piece in tokens(part):
                    self._delta(piece, "")
                    await asyncio.sleep(0)
            case parts.Delta():
                self._delta(part.text, "")
                await asyncio.sleep(0)
            case parts.Reasoning():
                for piece in tokens(part.text):
                    self._delta("", piece)
            case parts.Pause():
                await asyncio.sleep(part.seconds)
            case parts.Usage():
                self._usage = part
            case parts.Audio():
                self._audio.append(part.samples)
            case _:
                self._take_message(part)

    def _take_message(self, part: Part) -> None:
        self._end_answer()
        match part:
            case parts.ServerTool():
                call = function_call(part.name, part.arguments, local=False)
                self._message("function_call", call)
                self._message("tool_response", part.response)
            case parts.Knowledge():
                self._message("knowledge", part.text)
            case parts.Verbose():
                self._verbose(part.msg_type, part.data)
            case parts.FollowUp():  # they come after the end of the answers (section 3.3)
                self._follow_ups.append(part.text)
            case parts.Card():
                self._message("answer", part.content, content_type="card")

    # -- messages

    def _delta(self, text: str, reasoning: str) -> None:
        if not text and not reasoning:
            return
        if not self._answer_id:
            self._answer_id = self._clock.new_id()
        self._output_tokens += 1
        data = self._frame(self._answer_id, "answer", text, "text")
        if reasoning:
            data["reasoning_content"] = reasoning
            self._reasoning.append(reasoning)
        self._answer.append(text)
        self._say("conversation.message.delta", data)

    def _end_answer(self) -> None:
        if not self._answer_id:
            return
        text, reasoning = "".join(self._answer), "".join(self._reasoning)
        self._message("answer", text, id=self._answer_id, reasoning=reasoning)
        self._answer_id = ""
        self._answer, self._reasoning = [], []

    def _message(
        self,
        type: str,
        content: str,
        *,
        id: str = "",
        content_type: str = "text",
        reasoning: str = "",
    ) -> None:
        now = self._clock.seconds()
        data = self._frame(id or self._clock.new_id(), type, content, content_type)
        if reasoning:
            data["reasoning_content"] = reasoning
        data |= {"created_at": now, "updated_at": now}
        self._say("conversation.message.completed", data)
        if self.chat["auto_save_history"]:
            self._store.put(
                "message", data["id"], {**data, "meta_data": {}}, parent=data["conversation_id"]
            )

    def _verbose(self, kind: str, data: str = "") -> None:
        body = {"msg_type": kind, "data": data, "from_module": None, "from_unit": None}
        self._message("verbose", json.dumps(body, ensure_ascii=False))

    def _finish_answers(self, reason: int) -> None:
        key = "fin_data" if self._profile.is_studio else "FinData"
        self._verbose("generate_answer_finish", json.dumps({"finish_reason": reason, key: ""}))

    def _frame(self, id: str, type: str, content: str, content_type: str) -> dict[str, Any]:
        return message_frame(self.chat, id, type, content, content_type)

    # -- ends

    def _complete(self) -> None:
        self._finish_answers(0)
        for text in self._follow_ups:
            self._message("follow_up", text)
        self._follow_ups = []
        self.chat["usage"] = self._spent()
        self.chat["completed_at"] = self._clock.seconds()
        if self.chat["status"] != "canceled":
            self._set_status("completed")
        self._say_status("completed")
        samples = b"".join(self._audio)
        for start in range(0, len(samples), _AUDIO_BLOCK):
            block = base64.b64encode(samples[start : start + _AUDIO_BLOCK]).decode()
            data = self._frame(self._clock.new_id(), "answer", block, "audio")
            self._say("conversation.audio.delta", data)

    def _wait_for(self, pending: list[parts.ToolCall | parts.Question]) -> None:
        if self._profile.is_studio:
            # No submit there: the question is an answer, and the next chat goes on (10.2).
            self._ask_in_words(pending)
            self._complete()
            return
        calls = [pending_call(call) for call in pending]
        for call in pending:
            if isinstance(call, parts.ToolCall):
                self._message("function_call", function_call(call.name, call.arguments, local=True))
        self._verbose("interrupt")
        self._finish_answers(1)
        self.chat["required_action"] = {
            "type": "submit_tool_outputs",
            "submit_tool_outputs": {"tool_calls": calls},
        }
        if self.chat["status"] != "canceled":
            self._set_status("requires_action")
        self._say_status("requires_action")

    def _ask_in_words(self, pending: list[parts.ToolCall | parts.Question]) -> None:
        for call in pending:
            text = call.text if isinstance(call, parts.Question) else call.arguments_text
            self._delta(text, "")
        self._end_answer()
        self._verbose("interrupt")

    def _fail(self, failure: parts.Fail) -> None:
        self._end_answer()
        error = {"code": failure.code, "msg": failure.message}
        self.chat["last_error"] = error
        self.chat["failed_at"] = self._clock.seconds()
        self._set_status("failed")
        if failure.form == "empty_error":
            self._say("error", {})
        elif failure.form == "error_event" or self._profile.is_studio:
            self._say("error", error)
        elif failure.form == "bare":
            self._say("conversation.chat.failed", error)
        else:
            self._say_status("failed")

    # -- state

    def _set_status(self, status: str) -> None:
        self.chat["status"] = status
        if status in {"in_progress", "completed"}:
            self.chat.pop("required_action", None)
        self._store.put("chat", self.chat["id"], self.chat, parent=self.chat["conversation_id"])

    def _say_status(self, status: str) -> None:
        chat = {**shown_chat(self.chat), "status": status}
        if status != "completed":
            chat["usage"] = {"token_count": 0, "output_count": 0, "input_count": 0}
        self._say(f"conversation.chat.{status}", chat)

    def _say(self, name: str, data: dict[str, Any]) -> None:
        self._events.append((name, data))
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # -- what the bot sees

    def _stored(self) -> list[Document]:
        return context_messages(self._store, self.chat)

    def _messages(self) -> list[BotMessage]:
        return [bot_message(message) for message in [*self._stored(), *self._extra]]

    def _spent(self) -> dict[str, int]:
        usage = self._usage or parts.Usage(
            sum(len(tokens(message.content)) for message in self._messages()),
            self._output_tokens,
        )
        return {
            "token_count": usage.input + usage.output,
            "output_count": usage.output,
            "input_count": usage.input,
        }
