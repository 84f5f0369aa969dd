"""What callers over HTTP can do about an error; pure.

The errors' own hints are for those who call Coze from Python: they name attributes of the error and
arguments that no request has, and a `base_url` that is the gateway's here, not the caller's.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import coze_core as coze

Hints: TypeAlias = tuple[str, str]

_SLOW: Final = (
    "The bot may be slow: a streamed answer shows how far it comes. This chat may go on at Coze.",
    "机器人可能响应较慢：流式请求可看到进度。该对话可能仍在执行。",
)
# The most special first.
_OF_ANSWERS: Final[tuple[tuple[type[coze.CozeError], Hints], ...]] = (
    (
        coze.IncompleteStreamError,
        (
            (
                "What was streamed before is not all of the answer, and nothing more will come. "
                "The chat may have gone on at Coze: to ask again begins another one."
            ),
            "此前收到的内容并不完整，且不会再有后续。该对话可能仍在扣子端执行，重新请求会发起新的对话。",
        ),
    ),
    (
        coze.ChatSupersededError,
        (
            (
                "A later request of the same conversation said coze.on_busy='cancel_previous'; use "
                "another conversation for what is to run beside it."
            ),
            "同一会话的后续请求使用了 coze.on_busy='cancel_previous'；如需并行请使用不同会话。",
        ),
    ),
    (coze.APITimeoutError, _SLOW),
    (coze.PollTimeoutError, _SLOW),
)
_OWN_TOKEN: Final = (
    (
        "Check the token that you send as the API key: it may be expired, mistyped or made for "
        "another region than the gateway's (coze.com and coze.cn have separate tokens)."
    ),
    (
        "请检查作为 API key 发送的令牌：可能已过期、填写有误，或与网关所在区域不符"
        "（coze.com 与 coze.cn 的令牌互不通用）。"
    ),
)
_GATEWAYS_TOKEN: Final = (
    (
        "Tell whoever runs the gateway: its token needs the permission for this, and access to the "
        "bot's workspace."
    ),
    "请联系网关管理员：网关的令牌需要开通该接口的权限，并授权机器人所在的工作空间。",
)
_GATEWAYS_QUOTA: Final = (
    "The gateway's account at Coze has nothing left: try later, or tell whoever runs the gateway.",
    "网关的扣子账号额度已用尽：请稍后再试，或联系网关管理员。",
)
_GATEWAYS_BOT: Final = (
    (
        "Check the ids that the request names; if they are right, the bot behind this model has to "
        "be set up otherwise, or published: tell whoever runs the gateway, or use another model."
    ),
    (
        "请检查请求中的 ID；若无误，则该模型背后的机器人需要调整设置或发布："
        "请联系网关管理员，或换用其他模型。"
    ),
)
# What a hint advises that only the owner of the bot or of its account can do.
_OF_OWNER: Final = ("ublish", "bot's settings", "Coze Studio log", "paid plan")
_OPERATOR: Final = (
    (
        "Try again in a moment; if that does not help, whoever runs the gateway should check its "
        "network, its proxy and its base_url."
    ),
    "请稍后重试；若仍失败，请联系网关管理员检查网关的网络、代理以及 base_url。",
)


def hints_of(error: coze.CozeError, *, own_token: bool, told: bool) -> Hints:
    """Return what can be done about an error, in English and in Chinese.

    Args:
        error: The error.
        own_token: Whether the caller's own token was used.
        told: Whether the error's own words are for the caller.
    """
    for kind, hints in _OF_ANSWERS:
        if isinstance(error, kind):
            return hints
    if not told:
        return "", ""
    if own_token and isinstance(error, coze.AuthenticationError):
        return _OWN_TOKEN
    if not own_token and isinstance(error, coze.PermissionDeniedError) and "token" in error.hint_en:
        return _GATEWAYS_TOKEN
    if not own_token and isinstance(error, coze.QuotaExceededError):
        return _GATEWAYS_QUOTA
    if not own_token and any(words in error.hint_en for words in _OF_OWNER):
        return _GATEWAYS_BOT
    if "base_url" in error.hint_en:
        return _OPERATOR
    return error.hint_en, error.hint_zh
