"""Whether the account has anything left to spend; only a chat tells."""

from __future__ import annotations

from coze_core.cli._doctor.chat import Chatted, chatted, is_quota, why_not
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped


def run(patient: Patient) -> Result:
    """Check the quota."""
    reason = why_not(patient)
    return skipped(f"only a chat tells: {reason}") if reason else judge(chatted(patient))


def judge(chat: Chatted) -> Result:
    """Say whether the chat was refused for lack of quota."""
    if chat.error is not None and is_quota(chat):
        return failed(
            f"nothing is left to spend: {chat.error.message} (code {chat.error.code})",
            chat.error.hint_en,
            chat.error.hint_zh,
        )
    return skipped("the chat failed for another reason") if chat.error else ok("not used up")
