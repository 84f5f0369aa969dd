"""Coze's error codes: the class, whether to try again, and what to tell the user.

Protocol notes, sections 1.5, 8.1 and 8.2. This table is the only place that knows a code.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from coze_core import _errors as errors
from coze_core._errors import APIStatusError, ChatFailedError, ErrorResponse, WorkflowFailedError
from coze_core._failed_runs import CHAT_FAILED_CLASSES, WORKFLOW_FAILED_CLASSES


class CodeFact(NamedTuple):
    """What one error code means."""

    error: type[APIStatusError]
    hint_en: str = ""
    hint_zh: str = ""
    retryable: bool | None = None  # None: as the class says
    not_started: bool = False  # the server refused before it did anything: safe to send again


_TOKEN = (
    (
        "Check COZE_API_TOKEN: it may be expired, mistyped or made for the other region "
        "(coze.com and coze.cn have separate tokens; set region= or COZE_API_BASE to match)."
    ),
    (
        "请检查 COZE_API_TOKEN：令牌可能已过期、填写有误，或属于另一个区域"
        "（coze.com 与 coze.cn 的令牌互不通用，请用 region= 或 COZE_API_BASE 选择对应区域）。"
    ),
)
_PERMISSION = (
    (
        "Give the token the permission for this endpoint and access to the bot's workspace, "
        "and check that the token is complete and of this region."
    ),
    "请为令牌开通该接口的权限并授权机器人所在的工作空间，同时确认令牌完整且属于当前区域。",
)
_NOT_FOUND = (
    "Check the id and that the bot is published to the API channel of this region.",
    "请检查 ID，并确认机器人已发布到当前区域的 API 渠道。",
)
_QUOTA = (
    "The account's quota or balance is used up: upgrade the plan or top up.",
    "账号额度或余额已用尽，请升级套餐或充值。",
)
_SLOW_DOWN = (
    "Send fewer requests per minute, or raise max_retries.",
    "请降低请求频率，或调大 max_retries。",
)
_LATER = ("A passing fault on the server: try again later.", "服务端暂时故障，请稍后重试。")
_STRING_IDS = (
    "Check the request's parameters; ids must be strings, not numbers.",
    "请检查请求参数；所有 ID 必须是字符串而不是数字。",
)
_FILE = (
    "Send exactly one non-empty file of a supported type, 512 MB at most.",
    "请只上传一个非空且类型受支持的文件，大小不超过 512 MB。",
)

CODES: Final[dict[int, CodeFact]] = {
    400: CodeFact(errors.BadRequestError, *_STRING_IDS),
    500: CodeFact(errors.InternalServerError, *_LATER),
    4000: CodeFact(errors.BadRequestError, *_STRING_IDS),
    4001: CodeFact(errors.NotFoundError, "Check chat_id.", "请检查 chat_id。"),
    4002: CodeFact(errors.NotFoundError, "Check conversation_id.", "请检查 conversation_id。"),
    4003: CodeFact(
        errors.BadRequestError,
        "meta_data takes 16 pairs, keys of 1 to 64 and values of 1 to 512 characters.",
        "meta_data 最多 16 对，键长 1 至 64，值长 1 至 512 个字符。",
    ),
    4004: CodeFact(
        errors.BadRequestError,
        "Send at most 100 messages of the allowed types.",
        "最多发送 100 条消息，且类型须符合要求。",
    ),
    4005: CodeFact(errors.BadRequestError, "Check the messages.", "请检查消息内容。"),
    4006: CodeFact(errors.NotFoundError, *_NOT_FOUND),
    4007: CodeFact(
        errors.BadRequestError,
        "A chat that is not streamed needs auto_save_history=True.",
        "非流式对话必须设置 auto_save_history=True。",
    ),
    4008: CodeFact(
        errors.QuotaExceededError, "The daily limit is reached.", "已达到当日调用上限。"
    ),
    4009: CodeFact(errors.InternalServerError, *_LATER),
    4010: CodeFact(
        errors.ContextLengthError,
        "Send a shorter history or give the bot a model with a larger context.",
        "请缩短历史消息，或为机器人选择上下文更长的模型。",
    ),
    4011: CodeFact(errors.QuotaExceededError, *_QUOTA),
    4012: CodeFact(
        errors.BadRequestError,
        "Choose another model in the bot's settings.",
        "请在机器人设置中更换模型。",
    ),
    4013: CodeFact(errors.InternalServerError, *_LATER),
    4014: CodeFact(errors.BadRequestError),
    4015: CodeFact(
        errors.NotFoundError,
        "Publish the bot to the API channel (Publish > API), or pass "
        'publish_status="unpublished_draft" to talk to its draft.',
        "请先将机器人发布到 API 渠道（发布 > API），"
        '或传入 publish_status="unpublished_draft" 调用草稿。',
    ),
    4016: CodeFact(
        errors.ConversationBusyError,
        "One chat runs per conversation: wait for it, cancel it, or use another conversation.",
        "同一会话同时只能有一个进行中的对话：请等待其结束、取消它，或使用新的会话。",
    ),
    4019: CodeFact(errors.QuotaExceededError, *_QUOTA),
    4020: CodeFact(errors.RateLimitError, *_SLOW_DOWN, not_started=True),
    4021: CodeFact(
        errors.BadRequestError,
        "Give the bot a workflow and publish it.",
        "请为机器人配置并发布工作流。",
    ),
    4022: CodeFact(errors.QuotaExceededError, *_QUOTA),
    4028: CodeFact(errors.QuotaExceededError, *_QUOTA),
    4100: CodeFact(errors.AuthenticationError, *_TOKEN),
    4101: CodeFact(errors.PermissionDeniedError, *_PERMISSION),
    4102: CodeFact(
        errors.PermissionDeniedError,
        "Coze's risk control refused the request.",
        "请求被扣子的风控策略拒绝。",
    ),
    4104: CodeFact(
        errors.ConflictError,
        "Only a running chat can be cancelled.",
        "只有进行中的对话才能取消。",
    ),
    4105: CodeFact(
        errors.BadRequestError, "The content was refused as sensitive.", "内容因敏感被拒绝。"
    ),
    4200: CodeFact(errors.NotFoundError, *_NOT_FOUND),
    4201: CodeFact(errors.ConflictError, "It exists already.", "资源已存在。"),
    **{code: CodeFact(errors.BadRequestError, *_FILE) for code in range(4300, 4305)},
    4314: CodeFact(errors.NotFoundError, "Check execute_id.", "请检查 execute_id。"),
    4315: CodeFact(errors.ConflictError, "The run has ended.", "该执行已结束。"),
    5000: CodeFact(
        errors.InternalServerError,
        "An internal error; Coze also answers this to a wrong bot id and to tool outputs for a "
        "chat made with auto_save_history=False.",
        "服务内部错误；机器人 ID 有误，或对未保存历史的对话提交工具结果时也会返回此码。",
    ),
    6003: CodeFact(
        errors.PermissionDeniedError,
        "Asynchronous runs need a paid plan.",
        "异步运行需要付费套餐。",
    ),
    6023: CodeFact(errors.InternalServerError, *_LATER),
    6031: CodeFact(errors.NotFoundError, "Publish the workflow first.", "请先发布工作流。"),
    6039: CodeFact(
        errors.BadRequestError,
        "A workflow that asks questions cannot run this way: stream it.",
        "包含提问节点的工作流不支持同步运行，请使用流式运行。",
    ),
    700007: CodeFact(errors.PermissionDeniedError, *_PERMISSION),
    700012006: CodeFact(errors.AuthenticationError, *_TOKEN),
    701231: CodeFact(errors.InternalServerError, *_LATER),
    103000000: CodeFact(errors.BadRequestError),
    103000001: CodeFact(errors.PermissionDeniedError, *_PERMISSION),
    103000002: CodeFact(errors.NotFoundError, "Check conversation_id.", "请检查 conversation_id。"),
    103100001: CodeFact(
        errors.InternalServerError,
        "The agent failed to run: see the Coze Studio log for this log id.",
        "智能体运行失败：请凭 logid 查看 Coze Studio 日志。",
    ),
    103100002: CodeFact(errors.NotFoundError, *_NOT_FOUND),
    103200001: CodeFact(errors.NotFoundError, "Check message_id.", "请检查 message_id。"),
    103200002: CodeFact(errors.InternalServerError, *_LATER),
    103200003: CodeFact(errors.NotFoundError, "Check chat_id.", "请检查 chat_id。"),
    103200004: CodeFact(errors.NotFoundError, "Check workflow_id.", "请检查 workflow_id。"),
    103200005: CodeFact(
        errors.ConflictError, "Only a running chat can be cancelled.", "只有进行中的对话才能取消。"
    ),
    **{code: CodeFact(errors.BadRequestError, *_FILE) for code in range(104000001, 104000011)},
    100000013: CodeFact(
        errors.BadRequestError,
        "Choose a model in the bot's settings.",
        "请在机器人设置中选择模型。",
    ),
    720702001: CodeFact(errors.BadRequestError, *_STRING_IDS),
    720702002: CodeFact(errors.BadRequestError, *_STRING_IDS),
    720702011: CodeFact(errors.NotFoundError, "Publish the workflow first.", "请先发布工作流。"),
    720702204: CodeFact(
        errors.NotFoundError,
        "Create the conversation name in the app first.",
        "请先在应用中创建该会话名称。",
    ),
    777777776: CodeFact(errors.InternalServerError, *_LATER),
}

PROXY_SIGN_IN: Final = 407  # a status that is never the server's own

_STATUSES: Final[dict[int, CodeFact]] = {
    400: CodeFact(errors.BadRequestError),
    401: CodeFact(errors.AuthenticationError, *_TOKEN),
    402: CodeFact(errors.QuotaExceededError, *_QUOTA),
    403: CodeFact(errors.PermissionDeniedError, *_PERMISSION),
    404: CodeFact(
        errors.NotFoundError,
        "Check base_url: it must be the API host, such as https://api.coze.com.",
        "请检查 base_url：应为 API 域名，例如 https://api.coze.cn。",
    ),
    PROXY_SIGN_IN: CodeFact(
        errors.APIStatusError,
        "A proxy wants you to sign in, not Coze: put its user and password into the proxy's URL "
        "(proxy= or HTTPS_PROXY, as in http://user:password@host:port), or go round it with "
        "NO_PROXY.",
        "要求登录的是代理而不是扣子：请在代理地址中填写用户名和密码（proxy= 或 HTTPS_PROXY，"
        "如 http://user:password@host:port），或用 NO_PROXY 绕过该代理。",
    ),
    408: CodeFact(errors.InternalServerError, *_LATER),
    409: CodeFact(errors.ConflictError),
    413: CodeFact(
        errors.BadRequestError,
        "The request is too large: 15 MB at most; upload files instead of embedding them.",
        "请求体过大：最多 15 MB；请改用文件上传。",
    ),
    422: CodeFact(errors.BadRequestError),
    429: CodeFact(errors.RateLimitError, *_SLOW_DOWN, not_started=True),
}
_SERVER_FAULT: Final = CodeFact(errors.InternalServerError, *_LATER)
_REDIRECT: Final = CodeFact(
    errors.APIStatusError,
    "The server redirects; set base_url to the address it names.",
    "服务器返回了重定向，请将 base_url 设为其指向的地址。",
)
_UNKNOWN: Final = CodeFact(errors.APIStatusError)


def fact(code: int | None, status_code: int | None = None, message: str = "") -> CodeFact:
    """Return what is known of an error code, or else of the HTTP status."""
    known = CODES.get(code) if code is not None else None
    if known is not None:
        # 4101 says "no permission" as well as "token incorrect" (protocol notes, 1.5 and 8.1);
        # only its text tells which.
        if code == 4101 and "token" in message.lower() and "permission" not in message.lower():
            return CODES[4100]
        # An unknown path is 404 with 4000: the place is wrong, not the parameters.
        return _STATUSES[404] if code == 4000 and status_code == 404 else known
    if status_code is None or status_code < 300:
        return _UNKNOWN
    if status_code < 400:
        return _REDIRECT
    return _STATUSES.get(status_code) or (_SERVER_FAULT if status_code >= 500 else _UNKNOWN)


def status_error(
    code: int | None,
    message: str,
    *,
    status_code: int | None,
    log_id: str | None = None,
    response: ErrorResponse | None = None,
) -> APIStatusError:
    """Return the error for a refused request."""
    known = fact(code, status_code, message)
    return known.error(
        message or "the server gave no reason",
        code=code,
        status_code=status_code,
        log_id=log_id,
        response=response,
        retryable=known.retryable,
        hint_en=known.hint_en,
        hint_zh=known.hint_zh,
    )


def chat_failed_error(
    code: int | None,
    message: str,
    *,
    log_id: str | None = None,
    chat_id: str | None = None,
    conversation_id: str | None = None,
) -> ChatFailedError:
    """Return the error for a run that failed after it had begun."""
    known = fact(code, message=message)
    cls: type[ChatFailedError] = next(
        (cls for cls in CHAT_FAILED_CLASSES if known.error in cls.__bases__),
        ChatFailedError,
    )
    return cls(
        message or "the chat failed and the server gave no reason",
        code=code,
        log_id=log_id,
        chat_id=chat_id,
        conversation_id=conversation_id,
        status_code=200,
        retryable=known.retryable,
        hint_en=known.hint_en,
        hint_zh=known.hint_zh,
    )


def workflow_failed_error(
    code: int | None, message: str, *, log_id: str | None = None
) -> WorkflowFailedError:
    """Return the error for a workflow's run that failed after it had begun."""
    known = fact(code, message=message)
    cls: type[WorkflowFailedError] = next(
        (cls for cls in WORKFLOW_FAILED_CLASSES if known.error in cls.__bases__),
        WorkflowFailedError,
    )
    return cls(
        message or "the workflow failed and the server gave no reason",
        code=code,
        log_id=log_id,
        status_code=200,
        retryable=False,  # what its nodes have done is not undone
        hint_en=known.hint_en,
        hint_zh=known.hint_zh,
    )


def not_started(error: APIStatusError) -> bool:
    """Whether the refusal proves that the server has not begun to act on the request."""
    if isinstance(error, ChatFailedError) or (error.status_code or 0) >= 500:
        return False
    return fact(error.code, error.status_code).not_started or (
        error.status_code == 429 and error.retryable
    )
