"""A turn: one request of the user and all that answers it, accumulated from events.

Protocol notes, sections 2.4, 3.3 and 5.2. `Turn` knows no transport: feed it events, or the
messages of a chat that was polled, and the same facts come out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from coze_core import _events as events
from coze_core._codes import chat_failed_error
from coze_core._errors import ChatFailedError
from coze_core._models import (
    FAILED_STATUSES,
    Chat,
    Message,
    ToolCall,
    Usage,
)
from coze_core._reader import AnyChatEvent, message_class
from coze_core._sound import playable
from coze_core._turn_parts import Answer, Increment, Pieces, ToolActivity, increment, items_of
from coze_core._values import whole_number, wire_id

ANSWER_SEPARATOR: Final = "\n\n"


@dataclass
class Turn:
    """Everything that is known of one turn.

    Attributes:
        status: The chat's status in its usual spelling; `""` before the first event.
        chat_id: The chat's id, or None.
        conversation_id: The conversation's id, or None.
        bot_id: The bot's id, or None.
        log_id: Coze's request id, or None.
        usage: Tokens spent, or None while the server has not said.
        tool_calls: The calls the chat waits for, when status is `requires_action`.
        follow_ups: Questions the user might ask next.
        tool_activity: What the bot did with its own tools.
        knowledge: Recalled knowledge, as text or JSON text.
        verbose: Other news of the run, as (kind, data).
        cards: Cards, as JSON text.
        attachments: Images and files of the answer: items of mixed messages (section 4.4).
        audio: Spoken answer: decoded samples.
        messages: Every whole message, in the order of arrival.
        ended_by: `done`, `eof`, or `""` while the stream runs.
        interrupted: Whether the run paused to ask something (section 3.4, `interrupt`).

    Example:
        >>> turn = Turn()
        >>> turn.answer, turn.usage, turn.finished
        ('', None, False)
    """

    status: str = ""
    chat_id: str | None = None
    conversation_id: str | None = None
    bot_id: str | None = None
    log_id: str | None = None
    usage: Usage | None = None
    created_at: int | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    follow_ups: list[str] = field(default_factory=list)
    tool_activity: list[ToolActivity] = field(default_factory=list)
    knowledge: list[str] = field(default_factory=list)
    verbose: list[tuple[str, str]] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    attachments: list[dict[str, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    ended_by: str = ""
    interrupted: bool = False
    error: ChatFailedError | None = None

    def __post_init__(self) -> None:
        self._answers: list[Answer] = []
        self._current: Answer | None = None
        self._seen: set[str] = set()
        self._audio: list[bytes] = []
        self._shown = False  # whether any text has been handed out, so a separator is due
        self._thought = False  # the same for reasoning

    # -- what came of it

    @property
    def answers(self) -> list[str]:
        """The answers, each whole; several are possible in one turn (section 3.3)."""
        return [text for answer in self._answers if (text := answer.value())]

    @property
    def answer(self) -> str:
        """All text of the answer; several answers are joined by an empty line."""
        return ANSWER_SEPARATOR.join(self.answers)

    @property
    def reasoning(self) -> str:
        """What the model thought before it answered."""
        return ANSWER_SEPARATOR.join(
            text for answer in self._answers if (text := "".join(answer.reasoning))
        )

    @property
    def message_ids(self) -> list[str]:
        """The ids of the answer messages."""
        return [answer.message_id for answer in self._answers if answer.message_id]

    @property
    def audio(self) -> bytes:
        """The spoken answer."""
        return b"".join(self._audio)

    def audio_wav(self) -> bytes:
        """Return the spoken answer as a WAV file, which players open; `audio` has no header.

        Raises:
            ValueError: If nothing was spoken, or it is Ogg already: then `audio` is the file.

        Example:
            >>> Path("answer.wav").write_bytes(turn.audio_wav())  # doctest: +SKIP

        Protocol: section 3.8.
        """
        if not self._audio:
            raise ValueError("the answer was not spoken: only a spoken question gets such a one")
        content, media_type = playable(self.audio)
        if media_type != "audio/wav":
            raise ValueError(
                f"the answer is a file of type {media_type}: write turn.audio as it is"
            )
        return content

    @property
    def finished(self) -> bool:
        """Whether the chat has ended, or waits for tool outputs."""
        return self.status in {"completed", "failed", "canceled", "requires_action"}

    @property
    def questions(self) -> list[ToolCall]:
        """Those pending calls that ask the user rather than call a function."""
        return [call for call in self.tool_calls if call.is_question]

    # -- taking events

    def apply(self, event: AnyChatEvent) -> Increment:
        """Take one event and return what it adds to the answer."""
        if type(event) is events.MessageDelta:
            answer = self._current
            if (  # the next piece of the answer in progress, as nearly every event is
                answer is not None
                and event.frame is answer.frame
                and answer.parts
                and not event.reasoning_content
                and not answer.complete
            ):
                parts = answer.parts
                parts.append(event.content)
                if len(parts) >= parts.full:
                    parts.join()
                return increment(Increment, (event.content, "", event))
            return self._delta(event)
        status = _STATUS_OF.get(type(event))
        if status is not None and isinstance(event, events.ChatStatusEvent):
            self._chat_told(event, status)
            return Increment(self._release() if self.finished else "", "", event)
        if isinstance(event, events.MessageCompleted):
            return self._message(event)
        if isinstance(event, events.AudioDelta):
            self._audio.append(event.audio)
        elif isinstance(event, events.StreamDone):
            self.ended_by = "done"
        elif isinstance(event, events.ChatFailed | events.ErrorEvent):
            self._failure(event)
        return Increment("", "", event)

    def apply_run(self, run: list[events.MessageDelta]) -> list[Increment]:
        """Take pieces that share their frame, as one network read often brings them.

        Args:
            run: The pieces, at least one.
        """
        taken = [self.apply(run[0])]
        if len(run) == 1:
            return taken
        apply, frame = self.apply, run[0].frame
        answer = self._current
        if answer is None or answer.frame is not frame or not answer.parts or answer.complete:
            return [*taken, *map(apply, run[1:])]
        answer.parts.take([event.content for event in run[1:]])
        taken += [increment(Increment, (event.content, "", event)) for event in run[1:]]
        return taken

    def _delta(self, event: events.MessageDelta) -> Increment:
        frame = event.frame
        if not frame.is_answer:
            return Increment("", "", event)
        answer = self._current
        if answer is None or answer.message_id != frame.message_id or answer.complete:
            answer = self._answer(frame.message_id)
        text = event.content
        reasoning = event.reasoning_content
        if answer.complete:  # a late or repeated delta of an answer that is whole already
            return Increment("", "", event)
        answer.frame = frame
        if reasoning:
            first = not answer.reasoning
            answer.reasoning.take((reasoning,))
            if first:
                reasoning = self._think(reasoning)
        if text:
            first = not answer.parts
            if first and frame.content_type == "object_string":
                answer.held = text.lstrip()[:1] in {"[", ""}
            answer.parts.append(text)
            if answer.held:
                answer.frame = None
                text = ""
            elif first:
                text = self._show(text)
        return Increment(text, reasoning, event)

    def _answer(self, message_id: str) -> Answer:
        """Return the answer of this id, made if it is new; it becomes the current one."""
        for answer in self._answers:
            if answer.message_id == message_id and (message_id or not answer.complete):
                break
        else:
            answer = Answer(message_id)
            self._answers.append(answer)
        self._current = answer
        return answer

    def _show(self, text: str) -> str:
        """Put the separator before the text if another answer has been shown."""
        if self._shown:
            return ANSWER_SEPARATOR + text
        self._shown = True
        return text

    def _think(self, reasoning: str) -> str:
        """Put the separator before the reasoning if another answer's has been shown."""
        if self._thought:
            return ANSWER_SEPARATOR + reasoning
        self._thought = True
        return reasoning

    def _message(self, event: events.MessageCompleted) -> Increment:
        message = event.message
        key = f"{message.id}/{message.type}"
        text = reasoning = ""
        if isinstance(event, events.AnswerCompleted):
            text, reasoning = self._answer_completed(event)
        else:  # only for answers is one id one message
            key += f"/{message.content}"
        if message.id and key in self._seen:
            return Increment(text, reasoning, event)  # Studio sends some twice (section 10.3)
        self._seen.add(key)
        self.messages.append(message)
        self._learn_ids(message)
        if not isinstance(event, events.AnswerCompleted):
            self._side_message(event)
        return Increment(text, reasoning, event)

    def _answer_completed(self, event: events.AnswerCompleted) -> tuple[str, str]:
        message = event.message
        if not event.is_text:
            if not message.id or f"{message.id}/answer" not in self._seen:
                self._attached(message)
            return "", ""
        answer = self._answer_for(message)
        if message.content_type == "object_string":
            if answer.complete:  # told a second time
                return "", ""
            message = self._mixed(message, answer)
        if answer.complete and answer.text == message.content:
            return "", ""
        shown = "".join(answer.parts)
        shown_reasoning = "".join(answer.reasoning)
        first = not answer.parts
        # `completed` is the truth; an empty one takes nothing back.
        answer.text = message.content or shown
        answer.complete = True
        answer.parts = Pieces([answer.text])
        reasoning = ""
        if message.reasoning_content and message.reasoning_content.startswith(shown_reasoning):
            reasoning = message.reasoning_content[len(shown_reasoning) :]
            if reasoning and not shown_reasoning:
                reasoning = self._think(reasoning)
            answer.reasoning = Pieces([message.reasoning_content])
        missing = answer.text[len(shown) :] if answer.text.startswith(shown) else ""
        return (self._show(missing) if first and missing else missing), reasoning

    def _attached(self, message: Message) -> None:
        """Take an answer that is not text."""
        if message.content_type == "card":
            self.cards.append(message.content)
        elif message.content_type != "audio":  # audio came in pieces already
            self.attachments.append({"type": message.content_type, "content": message.content})

    def _mixed(self, message: Message, answer: Answer) -> Message:
        """Take the images and files of a mixed answer; return the text that is left."""
        content = message.content
        if answer.held:
            content = content or "".join(answer.parts)
            answer.parts, answer.held = Pieces(), False
        return message.model_copy(update={"content": self._text_of_items(content)})

    def _text_of_items(self, content: str) -> str:
        items = items_of(content)
        if items is None:
            return content
        self.attachments += [item for item in items if item.get("type") != "text"]
        texts = [item.get("text", "") for item in items if item.get("type") == "text"]
        return "\n".join(filter(None, texts))

    def _release(self) -> str:
        """Take what was held back of answers whose end has not been told; return the text."""
        shown = ""
        for answer in self._answers:
            if answer.held:
                text = self._text_of_items("".join(answer.parts))
                answer.parts, answer.held = Pieces([text]), False
                shown += self._show(text) if text else ""
        return shown

    def _answer_for(self, message: Message) -> Answer:
        """Find the answer that a completed message ends.

        Ids of deltas and of the completed message may differ (section 3.3): then the answer in
        progress is meant, if it is that text. Another text is an answer of its own, which came
        without deltas.
        """
        current = self._current
        if (
            current is not None
            and not current.complete
            and current.parts
            and not any(answer.message_id == message.id for answer in self._answers)
            and message.content.startswith("".join(current.parts))
        ):
            return current
        return self._answer(message.id)

    def _side_message(self, event: events.MessageCompleted) -> None:
        if isinstance(event, events.FollowUpCompleted):
            self.follow_ups.append(event.text)
        elif isinstance(event, events.KnowledgeCompleted):
            self.knowledge.append(event.message.content)
        elif isinstance(event, events.FunctionCallCompleted):
            arguments = json.dumps(event.arguments, ensure_ascii=False)
            self._activity("call", event.tool_name, arguments, event)
        elif isinstance(event, events.ToolResponseCompleted):
            self._activity("response", "", event.output, event)
            if event.message.content_type == "card":
                self.cards.append(event.message.content)
        elif isinstance(event, events.VerboseCompleted):
            self.verbose.append((event.msg_type, event.data))
            self.interrupted = self.interrupted or event.msg_type == "interrupt"
            if event.msg_type == "knowledge_recall":
                self.knowledge.append(event.data)

    def _activity(self, kind: str, name: str, content: str, event: events.MessageCompleted) -> None:
        self.tool_activity.append(ToolActivity(kind, name, content, event.message_id))

    def _chat_told(self, event: events.ChatStatusEvent, status: str) -> None:
        """Take a chat from its fields: its whole model is only made for who asks for it."""
        if status == "requires_action":
            self._chat(event.chat, status)
            return
        fields = event.fields
        self.chat_id = wire_id(fields.get("id")) or self.chat_id or None
        self._learn_where(wire_id(fields.get("conversation_id")), wire_id(fields.get("bot_id")))
        self.created_at = whole_number(fields.get("created_at")) or self.created_at
        usage = fields.get("usage")
        # Zeros stand for "not yet" (section 3.3), which nearly every event says.
        counted = isinstance(usage, Mapping) and any(usage.values())
        known = Usage.model_validate(usage) if counted else None
        self._stands_at(status, known)
        self.tool_calls = []

    def _chat(self, chat: Chat, status: str) -> None:
        self._learn_ids(chat, chat_id=chat.id)
        self.created_at = chat.created_at or self.created_at
        self._stands_at(status, chat.usage)
        self.tool_calls = chat.tool_calls if status == "requires_action" else []

    def _stands_at(self, status: str, usage: Usage | None) -> None:
        # After the end nothing turns the status back.
        if not self.finished or status in {"completed", "failed", "canceled", "requires_action"}:
            self.status = status
        if usage is not None and usage.known:
            self.usage = usage

    def _learn_ids(self, source: Chat | Message, *, chat_id: str | None = None) -> None:
        # The chat's own events are right; documents show messages with other ids (section 3.3).
        known = chat_id or (source.chat_id if isinstance(source, Message) else None)
        self.chat_id = (chat_id or self.chat_id or known) or None
        self._learn_where(source.conversation_id, source.bot_id)

    def _learn_where(self, conversation_id: str, bot_id: str) -> None:
        self.conversation_id = self.conversation_id or conversation_id or None
        self.bot_id = self.bot_id or bot_id or None

    def _failure(self, event: events.ChatFailed | events.ErrorEvent) -> None:
        if isinstance(event, events.ChatFailed) and event.fields.get("id"):
            self._chat(event.chat, "failed")
        self.status = "failed"
        self.error = chat_failed_error(
            event.code,
            event.message,
            log_id=_log_id(event) or self.log_id,
            chat_id=self.chat_id,
            conversation_id=self.conversation_id,
        )

    # -- the same, from a chat that was polled

    @classmethod
    def from_messages(cls, chat: Chat, messages: Iterable[Message]) -> Turn:
        """Build the turn of a chat that was not streamed.

        Args:
            chat: The chat as retrieved.
            messages: Its messages; the order of the list is not that of time (section 2.4).
        """
        turn = cls(log_id=chat.log_id)
        failed = chat.status in FAILED_STATUSES
        turn._chat(chat, "failed" if failed else chat.status)
        for message in messages:
            turn._message(message_event(message))
        if failed:
            error = chat.last_error
            why = "" if chat.status == "failed" else f"the chat ended as {chat.status!r}"
            turn.error = chat_failed_error(
                error.code if error else None,
                (error.msg if error else "") or why,
                log_id=chat.log_id,
                chat_id=turn.chat_id,
                conversation_id=turn.conversation_id,
            )
        turn.ended_by = "done"
        return turn


def message_event(message: Message) -> events.MessageCompleted:
    """Return the event that a stream would have sent for this message."""
    fields = {name: getattr(message, name) for name in message.model_fields_set}
    return message_class(message.type)("conversation.message.completed", b"", fields)


def _log_id(event: events.ChatEvent) -> str | None:
    detail = event.fields.get("detail")
    value = detail.get("logid") if isinstance(detail, dict) else event.fields.get("logid")
    return str(value) if value else None


_STATUS_OF: Final[dict[type[object], str]] = {
    events.ChatCreated: "created",
    events.ChatInProgress: "in_progress",
    events.ChatCompleted: "completed",
    events.ChatRequiresAction: "requires_action",
    events.ChatCanceled: "canceled",
}
