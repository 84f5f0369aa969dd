"""Whether the bot answers: one word, and how soon."""

from __future__ import annotations

import time
from dataclasses import dataclass

from coze_core._errors import APITimeoutError, CozeError, QuotaExceededError
from coze_core._models import EnterMessage
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped

_QUESTION = "Answer with one word: hello"


@dataclass(frozen=True, slots=True)
class Chatted:
    """How a chat went.

    Attributes:
        status: The chat's status at its end.
        first: Seconds to the first token; None if none came.
        total: Seconds for all.
        error: What went wrong; None if nothing did.
    """

    status: str = ""
    first: float | None = None
    total: float = 0.0
    error: CozeError | None = None


def why_not(patient: Patient) -> str:
    """Return why no chat is held; `""` if one may be."""
    if patient.bot_id is None:
        return "no bot was named"
    return "" if patient.wants_chat else "--no-chat"


def run(patient: Patient) -> Result:
    """Check the chat."""
    reason = why_not(patient)
    return skipped(reason) if reason else judge(chatted(patient), patient.timeout)


def chatted(patient: Patient) -> Chatted:
    """Return how the chat went, which is held once."""
    if patient.chatted is None:
        patient.chatted = probe(patient)
    return patient.chatted


def probe(patient: Patient) -> Chatted:
    """Ask for one word; nothing of it is kept on the server."""
    started = time.perf_counter()
    first: float | None = None
    with patient.client() as client:
        stream = client.chat.stream(
            bot_id=(patient.bot_id or "").strip(),
            user_id="coze-doctor",
            messages=[EnterMessage.user(_QUESTION)],
            auto_save_history=False,
        )
        try:
            with stream:
                for increment in stream.increments():
                    if first is None and (increment.text or increment.reasoning):
                        first = time.perf_counter() - started
        except CozeError as error:
            return Chatted(stream.turn.status, first, time.perf_counter() - started, error)
    return Chatted(stream.turn.status, first, time.perf_counter() - started)


def is_quota(chat: Chatted) -> bool:
    """Whether the chat failed because nothing is left to spend."""
    return isinstance(chat.error, QuotaExceededError)


def judge(chat: Chatted, timeout: float) -> Result:
    """Say whether the bot answers."""
    error = chat.error
    if isinstance(error, APITimeoutError):
        return failed(
            f"the bot says nothing for {timeout:g} s",
            "Its model or workflow is slow, or a proxy holds streams back: try a longer --timeout.",
            "智能体长时间无响应：模型或工作流较慢，或代理缓冲了流式输出，可增大 --timeout 再试。",
        )
    if error is not None:
        code = f" (code {error.code}, logid {error.log_id})"
        return failed(
            error.message + (code if error.code else ""),
            error.hint_en
            or "Look at the bot in Coze's own preview, or ask support with the logid.",
            error.hint_zh or "请在扣子预览中检查智能体，或凭 logid 联系支持。",
        )
    if chat.first is None:
        return ok(f"{chat.status} without a word in {1000 * chat.total:.0f} ms")
    return ok(f"first token after {1000 * chat.first:.0f} ms, all after {1000 * chat.total:.0f} ms")
