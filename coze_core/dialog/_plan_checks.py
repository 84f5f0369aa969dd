"""What cannot be asked, and what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from coze_core._v2 import text_only
from coze_core.dialog._history import Entry

if TYPE_CHECKING:
    from coze_core.dialog._plan import PlanOptions

_MOST_DEMANDS: Final = 3  # to call a tool, until it is clear that the bot will not


def check_patience(entries: Sequence[Entry], own: Callable[[Entry], object]) -> None:
    """Refuse to demand once more what the bot does not do: agents would do so for ever.

    Args:
        entries: The history; it ends with an answer.
        own: Tells whether an answer is the bot's own.

    Raises:
        ValueError: It has been demanded too often.
    """
    last = entries[-_MOST_DEMANDS:]
    if len(last) == _MOST_DEMANDS and all(
        entry.role == "assistant" and not entry.tool_calls and own(entry) for entry in last
    ):
        raise ValueError(
            f"the bot was told {_MOST_DEMANDS} times to call a tool and called none; it said last: "
            f"{last[-1].text[:200]!r}. For data, do without a tool that stands for them "
            "(with_structured_output; create_agent(response_format=TheClass)) / 已多次要求智能体"
            "调用工具，但它没有调用；如需结构化数据，请改用 with_structured_output"
        )


def check_question(entries: Sequence[Entry]) -> None:
    """Refuse a history that asks nothing.

    Args:
        entries: What is new.

    Raises:
        ValueError: It does not end with a question.
    """
    if not entries:
        raise ValueError("there is nothing to ask: give at least one new user message")
    last = entries[-1]
    if last.role == "assistant":
        raise ValueError(
            "the last message must be the user's: Coze cannot continue an answer of its own"
        )
    if last.role == "user" and not last.says_something:
        raise ValueError("the user's last message is empty: there is nothing to ask")


def check_media(entries: Sequence[Entry], options: PlanOptions) -> None:
    """Refuse media where they cannot be sent.

    Args:
        entries: What is sent.
        options: Where to.

    Raises:
        ValueError: It takes text only, or there is no text beside them.
    """
    if options.protocol == "v2" and any(entry.media for entry in entries):
        raise text_only()
    if options.chatflow is not None and any(entry.media for entry in entries):
        raise ValueError(
            "a chatflow is told text only: pass the file as one of its inputs, parameters= / "
            "对话流只接收文本消息，请通过 parameters 传入文件"
        )
    if any(entry.media for entry in entries) and not any(entry.text.strip() for entry in entries):
        raise ValueError(
            "Coze does not take an image or a file alone: add a text that says what to do with it "
            "/ 不能只发送图片或文件，请附上一段文字说明"
        )
