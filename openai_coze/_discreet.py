"""What callers with a key are told of trouble that is not theirs, and what the log is; pure."""

from __future__ import annotations

from typing import Final

import coze_core as coze

# Names of hosts, pages of proxies and hints about settings are for whoever runs the gateway. The
# most special first.
_SENTENCES: Final[tuple[tuple[type[coze.CozeError], str], ...]] = (
    (
        coze.AuthenticationError,
        (
            "Coze refused the gateway's own credential: tell whoever runs the gateway / "
            "网关自身的扣子凭证被拒绝，请联系网关管理员"
        ),
    ),
    (
        coze.IncompleteStreamError,
        "the connection to Coze broke before the end of the answer / 与扣子的连接在回答结束前中断",
    ),
    (coze.APITimeoutError, "Coze did not answer in time / 扣子未在规定时间内响应"),
    (coze.APIConnectionError, "Coze could not be reached / 无法连接扣子服务"),
    (
        coze.ProtocolError,
        "Coze answered with something that cannot be understood / 扣子返回了无法识别的内容",
    ),
)


def sentence_of(error: coze.CozeError) -> str | None:
    """Return what is said in an error's place, or None if its own words are for the caller.

    Args:
        error: What came of a request that the gateway pays for.
    """
    for kind, text in _SENTENCES:
        if isinstance(error, kind):
            return text
    if isinstance(error, coze.APIStatusError) and error.code is None:  # so it is not Coze's own
        return f"Coze answered with HTTP {error.status_code} / 扣子返回了 HTTP {error.status_code}"
    return None


def detail_of(error: coze.CozeError) -> str:
    """Return what the log is told of an error: a line, without anything that was said.

    Args:
        error: The error.
    """
    kind = type(error).__name__
    if sentence_of(error) is None:
        # Coze's own words may repeat the request's; the hint says what whoever reads this can do.
        facts = f"{kind} {error.code}" if error.code is not None else kind
        return f"{facts}: {error.hint_en} / {error.hint_zh}" if error.hint_en else facts
    text = error.message
    if isinstance(error, coze.ProtocolError) and error.response is None:
        text = text.partition(": ")[0]  # what follows is a piece of an answer
    return f"{kind}: " + "".join(sign if sign.isprintable() else " " for sign in text)
