"""Whether a history answers calls that a chat still waits for, and with what.

Protocol notes, section 5.3: all outputs go in one request, to the chat that asked. Anything else
than a full set of answers to one chat is not sent there: it is replayed, or refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coze_core.dialog._history import Entry, Media
from coze_core.dialog._marker import Marker, marker_of_ids
from coze_core.dialog._plan import PlanOptions, output_text, own_marker
from coze_core.dialog._tools import written_result

_NOT_RUN: Final = "this call was not executed"


@dataclass(frozen=True, slots=True)
class Answered:
    """One call with its answer.

    Attributes:
        wire_id: The call's id as Coze gave it.
        entry: What answers it.
    """

    wire_id: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Resume:
    """Outputs for a chat that waits.

    Attributes:
        marker: The chat.
        outputs: One for each call, in the order in which Coze asked.
        in_order: Whether that order is known; not if the answer that called was lost.
    """

    marker: Marker
    outputs: tuple[Answered, ...]
    in_order: bool = True


def resume(entries: Sequence[Entry], options: PlanOptions, *, fill: bool = False) -> Resume | None:
    """Return what a history answers to a waiting chat; None if it is to be told as a new chat.

    Args:
        entries: The history.
        options: Whose answers are ours.
        fill: Whether calls without a result are answered as not executed.

    Raises:
        ValueError: If only some of the calls are answered, and `fill` is off.
    """
    asked, results, users = _end_of(entries)
    if not (users or results):
        return None
    marker = _waiting(asked, results, options)
    if marker is None:
        return None
    # Told twice, the last one counts: that is what an edit of the history leaves behind.
    given = {entry.tool_call_id: entry for entry in results}
    pending = {call.id: call for call in marker.pending}
    if given.keys() - pending.keys() - set(marker.prompted):
        return None  # answers to other calls as well: this is another history
    answers = {id: entry for id, entry in given.items() if id in pending}
    if users and not _answer_questions(users, marker, answers):
        return None
    missing = [call for call in marker.pending if call.id not in answers]
    if missing:
        if users:
            return None  # the user goes on without the tools
        if fill and given:
            answers |= {call.id: Entry("tool", _NOT_RUN, failed=True) for call in missing}
            missing = []
    if missing:
        names = ", ".join(f"{call.name} ({call.id})" for call in missing)
        raise ValueError(
            f"the bot waits for {len(pending)} results and has only {len(answers)}: add a tool "
            f"message for {names} / 缺少以下工具调用的结果：{names}"
        )
    outputs = [Answered(call.wire_id, answers[call.id]) for call in marker.pending]
    names_of = {call.id: call.name for call in asked.tool_calls} if asked else {}
    complete = _with_others(outputs, names_of, given, marker, _told_last(entries))
    known = asked is not None and bool(asked.marker or asked.tool_calls)
    return Resume(marker, complete, known)


def named_chats(entries: Sequence[Entry]) -> list[Marker]:
    """Return the waiting chats that a plan for this history may act upon, whosever they are.

    Args:
        entries: The history; markers and ids of calls in it may have been made up.
    """
    asked, results, _ = _end_of(entries)
    last = next((entry for entry in reversed(entries) if entry.role == "assistant"), None)
    named = [Marker.read(last.marker) if last else None, _of_ids(asked, results)]
    waiting = (marker for marker in named if marker and marker.status == "requires_action")
    places = {(each.bot_id, each.conversation_id, each.chat_id): each for each in waiting}
    return list(places.values())


def _end_of(entries: Sequence[Entry]) -> tuple[Entry | None, list[Entry], list[Entry]]:
    """Return what stands before the last results, those results, and what a user said after."""
    spoken = [entry for entry in entries if entry.role != "system"]
    end = len(spoken)
    while end and spoken[end - 1].role == "user":
        end -= 1
    begin = end
    while begin and spoken[begin - 1].role == "tool":
        begin -= 1
    return spoken[begin - 1] if begin else None, spoken[begin:end], spoken[end:]


def _of_ids(asked: Entry | None, results: Sequence[Entry]) -> Marker | None:
    """Return the marker that the ids of calls make up for, or else those of their results."""
    calls = asked.tool_calls if asked is not None and asked.role == "assistant" else ()
    told = [(call.id, call.name) for call in calls]
    return marker_of_ids(told or [(result.tool_call_id, "") for result in results])


def _waiting(entry: Entry | None, results: Sequence[Entry], options: PlanOptions) -> Marker | None:
    """Return the marker of an answer that waits for outputs, or what the ids of calls tell."""
    answer = entry if entry is not None and entry.role == "assistant" else None
    marker = own_marker(answer, options) if answer is not None else None
    if marker is None and (answer is None or not answer.marker):
        # The answer lost its marker, or was itself lost with the older part of a history.
        made = _of_ids(answer, results)
        if made is not None:
            marker = own_marker(Entry("assistant", "", made.dump()), options)
    if marker is None or marker.status != "requires_action" or not marker.pending:
        return None
    return marker


def _answer_questions(users: Sequence[Entry], marker: Marker, answers: dict[str, Entry]) -> bool:
    """Take what the user said as the answers to the questions that were asked."""
    open_questions = [call for call in marker.questions if call.id not in answers]
    if not open_questions:
        return False
    if len(open_questions) == 1:
        text = "\n".join(entry.text for entry in users if entry.text)
        media = tuple(item for entry in users for item in entry.media)
        answers[open_questions[0].id] = Entry("user", text, media=media)
        return True
    if len(users) != len(open_questions):
        asked = "; ".join(str(call.question) for call in open_questions)
        raise ValueError(f"the bot asks {len(open_questions)} questions, answer each: {asked}")
    answers.update({call.id: said for call, said in zip(open_questions, users, strict=True)})
    return True


def _told_last(entries: Sequence[Entry]) -> list[str]:
    """Return the system text at the very end, which is meant for what comes next."""
    told: list[str] = []
    for entry in reversed(entries):
        if entry.role != "system":
            break
        told.insert(0, entry.text)
    return [text for text in told if text]


def _with_others(
    outputs: list[Answered],
    names: Mapping[str, str],
    given: Mapping[str, Entry],
    marker: Marker,
    told: Sequence[str],
) -> tuple[Answered, ...]:
    """Add what else is to be said to the last output: the chat takes no other words."""
    others = [
        written_result(names.get(id) or "tool", output_text(given[id]))
        for id in marker.prompted
        if id in given
    ]
    others += told
    if others:
        last = outputs[-1]
        text = "\n\n".join([output_text(last.entry), *others])
        outputs[-1] = replace(last, entry=replace(last.entry, text=text, failed=False))
    return tuple(outputs)


def output_of(entry: Entry) -> str:
    """Return an answer as the text that Coze takes; media must have been uploaded.

    Args:
        entry: The answer.
    """
    if not entry.media:
        return output_text(entry)
    found: dict[str, object] = {"text": output_text(entry)} if entry.text else {}
    kinds: dict[str, list[str]] = {}
    for item in entry.media:
        kinds.setdefault(item.kind, []).append(_address(item))
    found |= {kind: ids[0] if len(ids) == 1 else ids for kind, ids in kinds.items()}
    return json.dumps(found, ensure_ascii=False)  # protocol notes, section 5.3


def _address(item: Media) -> str:
    if item.data is not None:
        raise ValueError(f"{item.name!r} has not been uploaded")
    return str(item.file_id or item.url)
