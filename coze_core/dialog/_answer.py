"""One answer of a bot, from the history to the result: the dialogue that all adapters share.

It decides whether a waiting chat goes on or a new one begins, sends what has to be uploaded first,
listens, and asks once more for what could not be used.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from coze_core._call import Call
from coze_core._desk import Busy
from coze_core._endpoints import chat, messages
from coze_core._endpoints._checks import check_meta_data, check_variables
from coze_core._errors import ConversationBusyError, CozeError
from coze_core._here import need
from coze_core._identity import anonymous_user_id, user_id_is_known
from coze_core._memo import Memo
from coze_core._models import EnterMessage, ToolOutput
from coze_core._turn import ANSWER_SEPARATOR
from coze_core._v2 import refuse_options
from coze_core.dialog._declared import declared_tools
from coze_core.dialog._format import ResponseFormat
from coze_core.dialog._history import Entry
from coze_core.dialog._listen import Listener
from coze_core.dialog._outcome import Outcome, native_calls, question_text
from coze_core.dialog._pieces import Piece, Result
from coze_core.dialog._plan import NewChat, PlanOptions, Wording, messages_of, plan
from coze_core.dialog._recorded import recorded
from coze_core.dialog._resume import Resume, output_of, resume
from coze_core.dialog._steps import HandOut, Talk, Work, do, listen
from coze_core.dialog._tools import (
    ToolCalling,
    ToolSpec,
    check_choice,
    demand,
    instructions,
    repair,
)
from coze_core.dialog._uploads import uploaded


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of a bot.

    Attributes:
        plan: How the history becomes a request.
        user_id: The end user; None for this installation's anonymous one.
        tools: The tools that the caller can run.
        tool_calling: `native` leaves calls to the bot's own plugins, `prompt` describes all tools
            in the request, `auto` those that the bot has not of its own.
        tool_choice: None or `auto`, `none`, `any`, or a tool's name; a wish, which a bot may miss.
        response_format: What a JSON answer must look like, or None for words.
        stops: Where to cut the text.
        on_stale_chat: What to do with outputs for a chat that has gone another way: `replay` tells
            it all to a new chat, `raise` gives the server's error.
        on_missing: What to do if a waiting chat has not all its results: `raise` says which are
            missing, `fill` tells the bot that those calls were not executed.
        portable_ids: Whether ids of calls say where they belong, for programs that keep no marker.
        streamed: Whether pieces are shown as they come; else a useless answer may be replaced.
        merge_reads: Whether what one read of the network brings of a text is one piece.
        warns: Whether to warn of messages that are too old to be sent; `Result.dropped` tells too.
        chat: Further arguments of `client.chat.stream`.

    Raises:
        ValueError: If options are none of these, or do not go together.
    """

    plan: PlanOptions
    user_id: str | None
    tools: tuple[ToolSpec, ...] = ()
    tool_calling: ToolCalling = "auto"
    tool_choice: str | None = None
    response_format: ResponseFormat | None = None
    stops: tuple[str, ...] = ()
    on_stale_chat: Literal["replay", "raise"] = "replay"
    on_missing: Literal["raise", "fill"] = "raise"
    portable_ids: bool = False
    streamed: bool = True
    merge_reads: bool = False
    warns: bool = True
    chat: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tool_calling not in {"auto", "native", "prompt"}:
            raise ValueError(
                f"tool_calling must be 'auto', 'native' or 'prompt', not {self.tool_calling!r}"
            )
        if self.on_stale_chat not in {"replay", "raise"}:
            raise ValueError(
                f"on_stale_chat must be 'replay' or 'raise', not {self.on_stale_chat!r}"
            )
        Busy(self.chat.get("on_busy", "error"), self.chat.get("busy_timeout", 0.0))
        check_choice(self.tool_choice, self.tools)
        if self.plan.protocol == "v2":
            refuse_options(self.chat)
            if self.tool_calling == "native":
                raise ValueError(
                    "tool_calling='native' needs protocol='v3': a v2 chat cannot wait for "
                    "results, so use 'auto' or 'prompt' / v2 协议不支持原生工具调用"
                )
        if self.plan.chatflow is not None:
            self.plan.chatflow.refuse(self.chat)
            if self.tool_calling == "native":
                raise ValueError(
                    "tool_calling='native' needs a bot: a chatflow has no local plugins, so use "
                    "'auto' or 'prompt' / 对话流不支持原生工具调用"
                )
        if self.plan.history == "server" and not self.saved:
            raise ValueError(
                "history='server' needs auto_save_history=True: Coze must remember / "
                "history='server' 需要 auto_save_history=True"
            )
        if self.plan.chatflow is None:
            check_variables(self.chat.get("custom_variables"))
            check_meta_data(self.chat.get("meta_data"))

    @property
    def saved(self) -> bool:
        """Whether Coze keeps the turn."""
        return self.plan.remembers and self.chat.get("auto_save_history") is not False


_NO_WORDING: Final = Wording()


def answer(entries: Sequence[Entry], ask: Ask, memo: Memo) -> Talk[Result]:
    """Continue a dialogue by one answer.

    Args:
        entries: The history; the question, or results of tools, last.
        ask: What is wanted.
        memo: The client's.

    Raises:
        ValueError: If there is nothing to ask, or results of tools are missing.
        CozeError: If the server refused, the chat failed or the stream was cut.
    """
    waiting = resume(entries, ask.plan, fill=ask.on_missing == "fill")
    # What is wrong is said before anything is sent.
    planned = plan(entries, ask.plan, _wording(ask, ())) if waiting is None else None
    user_id = ask.user_id
    if user_id is None:
        known = user_id_is_known()  # else it is read from the disk, away from the event loop
        user_id = anonymous_user_id() if known else (yield Work(anonymous_user_id))
    tools = yield from _tools_in_text(ask, memo)
    dialogue = _Dialogue(entries, ask, user_id, memo, tools, planned)
    if waiting is not None:
        result = yield from dialogue.go_on(waiting)
        if result is not None:
            return result
    return (yield from dialogue.begin())


def _wording(ask: Ask, tools: tuple[ToolSpec, ...]) -> Wording:
    """Return what is said besides the messages, with these tools described to the bot."""
    shaped = ask.response_format
    if shaped is None and not ask.tools:
        return _NO_WORDING
    closing = (
        demand(ask.tool_choice) if ask.tools else "",
        shaped.instructions(with_tools=bool(ask.tools)) if shaped is not None else "",
    )
    return Wording(
        preamble=instructions(tools) if tools else "",
        closing="\n\n".join(filter(None, closing)),
        calls_in_text=bool(tools),
    )


def _tools_in_text(ask: Ask, memo: Memo) -> Talk[tuple[ToolSpec, ...]]:
    """Return the tools that have to be described to the bot."""
    if not ask.tools or ask.tool_calling == "native" or ask.tool_choice == "none":
        return ()
    told_only = ask.plan.protocol == "v2" or ask.plan.chatflow is not None
    if ask.tool_calling == "prompt" or told_only:
        return ask.tools
    draft = ask.chat.get("publish_status") == "unpublished_draft"
    own = yield from do(declared_tools(ask.plan.bot_id, draft=draft, memo=memo))
    return tuple(tool for tool in ask.tools if tool.name not in own)


class _Dialogue:
    """One answer in the making."""

    def __init__(
        self,
        entries: Sequence[Entry],
        ask: Ask,
        user_id: str,
        memo: Memo,
        tools: tuple[ToolSpec, ...],
        planned: NewChat | None,
    ) -> None:
        self._entries = entries
        self._ask = ask
        self._user_id = user_id
        self._planned = planned  # as it is without tools in text
        self._memo = memo
        self._tools = tools
        self._said = ""
        self._dropped = 0
        self._variables: dict[str, str] = {}

    # -- a new chat

    def begin(self, *, elsewhere: bool = False) -> Talk[Result]:
        """Ask in a new chat.

        Args:
            elsewhere: Whether in a conversation of its own, which is told all of the history.
        """
        ask = self._ask
        wording = _wording(ask, self._tools)
        options = replace(ask.plan, conversation_id=None) if elsewhere else ask.plan
        if self._planned is not None and not self._tools and not elsewhere:
            planned = self._planned
        else:
            planned = plan(self._entries, options, wording, afresh=elsewhere)
        if planned.known_chats and (yield from self._has_moved_on(planned)):
            planned = plan(self._entries, ask.plan, wording, afresh=True)
        if planned.abandoned is not None:
            left = planned.abandoned
            ids = {"conversation_id": left.conversation_id, "chat_id": left.chat_id}
            yield from do(chat.quick_cancel(**ids))
        self._dropped = planned.dropped
        if planned.dropped and ask.warns:
            warnings.warn(
                f"Coze takes {ask.plan.limit} messages: the {planned.dropped} oldest were not "
                "sent; trim or summarize the history",
                stacklevel=2,
            )
        sent = yield from uploaded(planned.entries, self._memo)
        request = self._request(planned, messages_of(sent))
        self._said = planned.said
        self._variables = planned.custom_variables
        listener = self._listener()
        try:
            turn = yield from listen(request, listener)
        except ConversationBusyError:
            if ask.chat.get("on_busy") != "new_conversation" or not planned.conversation_id:
                raise
            return (yield from self.begin(elsewhere=True))
        return (yield from self._finish(Outcome(turn, listener), request_messages=sent))

    def _request(self, planned: NewChat, sent: list[EnterMessage], *, again: bool = False) -> Any:
        options = dict(self._ask.chat)
        chatflow = self._ask.plan.chatflow
        if chatflow is not None:
            return chatflow.request(
                options,
                user_id=self._user_id,
                messages=sent,
                conversation_id=planned.conversation_id,
            )
        if again:
            options.pop("shortcut_command", None)  # it has been run already
        if options.get("on_busy") == "new_conversation":
            options["on_busy"] = "error"  # a conversation of its own has to be told more: see begin
        variables = {**(options.pop("custom_variables", None) or {}), **planned.custom_variables}
        return chat.stream(
            bot_id=self._ask.plan.bot_id,
            user_id=self._user_id,
            messages=sent,
            conversation_id=planned.conversation_id,
            custom_variables=variables or None,
            **options,
        )

    def _has_moved_on(self, planned: NewChat) -> Talk[bool]:
        """Whether the conversation holds more than this history knows: then it was forked."""
        try:
            flow = messages.newest(conversation_id=str(planned.conversation_id))
            newest = yield from do(flow)
        except CozeError:
            return False  # a token may lack the permission to list; the chat itself tells the rest
        # An older chat that we know means no more than that the list is not up to date.
        return newest is not None and newest.chat_id not in {"", *planned.known_chats}

    def _listener(self, first_call: int = 0, **others: str) -> Listener:
        return Listener(
            merges=self._ask.merge_reads,
            stops=self._ask.stops,
            tools=[tool.name for tool in self._tools],
            json=self._ask.response_format is not None,
            first_call=first_call,
            **others,
        )

    # -- a chat that waits

    def go_on(self, waiting: Resume) -> Talk[Result | None]:
        """Give a waiting chat its outputs; None if that is no longer possible."""
        yield from do(need(Call("POST", chat.SUBMIT)))  # before anything is uploaded for it
        answers = yield from uploaded([item.entry for item in waiting.outputs], self._memo)
        marker = waiting.marker
        outputs = [
            ToolOutput(tool_call_id=item.wire_id, output=output_of(entry))
            for item, entry in zip(waiting.outputs, answers, strict=True)
        ]
        request = chat.stream_tool_outputs(
            conversation_id=marker.conversation_id,
            chat_id=marker.chat_id,
            tool_outputs=outputs,
            **{
                name: self._ask.chat[name]
                for name in ("cancel_on_close", "deadline")
                if name in self._ask.chat
            },
        )
        self._said = marker.said
        calls = "".join(item.wire_id for item in waiting.outputs)
        listener = self._listener(round=hashlib.sha256(calls.encode()).hexdigest()[:6] + "_")
        try:
            turn = yield from listen(request, listener)
        except CozeError as error:
            if listener.heard:
                raise
            found = yield from recorded(waiting, outputs, self._entries, self._ask, error)
            if found is None:
                return None
            yield HandOut(list(listener.hear(found.increments, found.turn)))
            turn = found.turn
        return (yield from self._finish(Outcome(turn, listener, marker)))

    # -- the end

    def _finish(self, outcome: Outcome, *, request_messages: Sequence[Entry] = ()) -> Talk[Result]:
        """Hand out what was held back, and ask once more if the answer cannot be used."""
        yield HandOut(outcome.listener.end(outcome.turn))
        problem = self._problem(outcome)
        if problem is not None:
            outcome = yield from self._ask_again(problem, outcome, request_messages)
        yield HandOut(outcome.left_over(self._native_calls(outcome)))
        asked = question_text(outcome.turn)
        if asked:
            yield HandOut(outcome.say(asked))
        result = outcome.result(
            self._entries,
            options=self._ask.plan,
            said=self._said,
            streamed=self._ask.streamed,
        )
        return replace(result, dropped=self._dropped) if self._dropped else result

    def _native_calls(self, outcome: Outcome) -> list[Piece]:
        bot_id = self._ask.plan.bot_id
        return native_calls(outcome, bot_id=bot_id, portable=self._ask.portable_ids)

    def _problem(self, outcome: Outcome) -> str | None:
        """Return what to ask again for, or None if the answer will do."""
        turn, listener = outcome.turn, outcome.listener
        if listener.stopped or turn.status != "completed":
            return None
        broken = listener.broken()
        if broken:
            return repair("; ".join(call.problem for call in broken))
        shaped = self._ask.response_format
        if shaped is None or listener.json is None or listener.calls or turn.tool_calls:
            return None
        if listener.json.begun and self._ask.streamed:
            return None  # what was shown cannot be taken back
        wrong = shaped.problem(listener.text) if listener.json.found else "it has no JSON object"
        return shaped.repair(wrong) if wrong is not None else None

    def _ask_again(
        self, problem: str, outcome: Outcome, request_messages: Sequence[Entry]
    ) -> Talk[Outcome]:
        turn = outcome.turn
        words = EnterMessage.user(problem)
        kept = self._ask.saved and turn.conversation_id
        if kept or not request_messages:
            planned = NewChat([], turn.conversation_id, self._variables)
            sent = [words]
        else:
            said = Entry("assistant", turn.answer or "-")
            kept_messages = [*request_messages, said][-self._ask.plan.limit + 1 :]
            # What Coze does not keep needs no conversation of its own, but may have a name.
            named = None if self._ask.plan.remembers else self._ask.plan.conversation_id
            planned = NewChat(kept_messages, named, self._variables)
            sent = [*planned.messages, words]
        lead = ANSWER_SEPARATOR if outcome.listener.text and not outcome.listener.json else ""
        thoughts = ANSWER_SEPARATOR if turn.reasoning else ""
        first = len(outcome.listener.calls)
        listener = self._listener(first, lead=lead, lead_thoughts=thoughts)
        again = yield from listen(self._request(planned, sent, again=True), listener)
        yield HandOut(listener.end(again))
        return outcome.followed_by(again, listener, replaces=not self._ask.streamed)
