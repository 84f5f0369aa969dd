"""What the cloud has and Coze Studio has not (protocol notes, sections 10.1 and 10.2).

The one table of it. What a server lacks is refused before the request, with what to do instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from coze_core._call import Call, Reply
from coze_core._errors import UnsupportedError

ServerKind: TypeAlias = Literal["cloud", "studio"]
ServerSetting: TypeAlias = Literal["auto", "cloud", "studio"]

CLOUD_HOSTS: Final = frozenset({"api.coze.com", "api.coze.cn"})  # section 1.1
_BY_HEADER: Final[dict[str, ServerKind]] = {"x-tt-logid": "cloud", "x-log-id": "studio"}
_NAMES: Final = {"cloud": "coze.com / coze.cn", "studio": "Coze Studio"}

# Without a token: the cloud answers HTTP 401, Studio HTTP 200, both with this code, and each with
# a header of its own (sections 1.3, 1.5 and 10.2). It reads nothing and changes nothing.
PROBE: Final = Call("GET", "/v3/chat/retrieve", repeatable=True, timeout=10.0)
_NO_TOKEN: Final = 700012006


class Lack(NamedTuple):
    """Something that a server has not, and what to do instead."""

    what: str
    hint_en: str
    hint_zh: str


_LACKS: Final[dict[str, Lack]] = {
    "submit_tool_outputs": Lack(
        "taking tool outputs",
        "Describe tools in the request instead (tool_calling='prompt' in the adapters); a bot that "
        "paused to ask goes on with a new chat in the same conversation.",
        "请改为在请求中描述工具（适配器中使用 tool_calling='prompt'）；"
        "机器人暂停提问后，请在同一会话中发起新的对话继续。",
    ),
    "message_writes": Lack(
        "reading and changing single messages",
        "Send messages with a chat (messages=), and list them with conversations.messages.list().",
        "请随对话发送消息（messages=），并用 conversations.messages.list() 查看。",
    ),
    "feedback": Lack(
        "feedback on messages", "Keep it in your own database.", "请在自己的系统中保存反馈。"
    ),
    "files_retrieve": Lack(
        "looking up an uploaded file",
        "Keep what files.upload() returns; it has the file's id and name.",
        "请保存 files.upload() 的返回结果，其中包含文件 ID 与名称。",
    ),
    "bots_list": Lack(
        "lists of bots",
        "Take the bot's id from the address of its page in Studio; bots.retrieve() works.",
        "请从 Studio 的智能体页面地址中获取 ID；bots.retrieve() 可以使用。",
    ),
    "workspaces": Lack(
        "workspaces over the API",
        "Take the workspace's id from the address of its page in Studio.",
        "请从 Studio 的空间页面地址中获取 ID。",
    ),
    "users_me": Lack(
        "the account behind a token",
        "To test the token, call bots.retrieve() for a bot of yours.",
        "如需检验令牌，请对自己的智能体调用 bots.retrieve()。",
    ),
    "variables": Lack(
        "variables over the API",
        "Pass custom_variables= with each chat.",
        "请在每次对话时传入 custom_variables=。",
    ),
    "audio": Lack(
        "voices, speech and transcription",
        "Use another speech service, and send text.",
        "请使用其他语音服务，并发送文本。",
    ),
    "oauth": Lack(
        "signing in by OAuth",
        "Make a personal token in Studio's settings and pass it as token=.",
        "请在 Studio 设置中创建个人令牌，并通过 token= 传入。",
    ),
    "v2": Lack("the old v2 API", "Use client.chat.stream().", "请使用 client.chat.stream()。"),
    "answers_with_media": Lack(
        "assistant messages of content type object_string",
        "Send the assistant's part as text, or as a message of the user.",
        "请将助手消息改为纯文本，或以用户消息发送。",
    ),
    "workflow_history": Lack(
        "the runs of a workflow at this path",
        "Studio has them at GET /v1/workflow/get_run_history.",
        "Studio 中请使用 GET /v1/workflow/get_run_history。",
    ),
    "others": Lack(
        "this",
        "Do it in Studio's web page, or use the cloud. If this server is not Coze Studio or has "
        "the route after all, say so with server='cloud'.",
        "请在 Studio 网页中操作或使用云端；若该服务器并非 Coze Studio，请设置 server='cloud'。",
    ),
}
_CLOUD_LACKS: Final = Lack(
    "the runs of a workflow at this path",
    "The cloud has them at GET /v1/workflows/{id}/run_histories/{execute_id}.",
    "云端请使用 GET /v1/workflows/{id}/run_histories/{execute_id}。",
)
_OF_COZE: Final = ("/v1/", "/v3/", "/open_api/", "/api/")
_V2: Final = "/open_api/v2/"
_STUDIO_ONLY: Final = ("GET", "/v1/workflow/get_run_history")

# What both have. The first rows are those of nearly every request.
_BOTH: Final[list[tuple[frozenset[str], re.Pattern[str]]]] = [
    (frozenset(methods.split()), re.compile(path.replace("{id}", "[^/]+")))
    for methods, path in (
        ("POST", r"/v3/chat(/cancel)?"),
        ("GET", r"/v3/chat/(retrieve|message/list)"),
        ("POST", r"/v1/conversation/(create|message/list)"),
        ("GET", r"/v1/conversation/retrieve|/v1/conversations"),
        ("PUT DELETE", r"/v1/conversations/{id}"),
        ("POST", r"/v1/conversations/{id}/clear"),
        ("POST", r"/v1/files/upload"),
        ("GET", r"/v1/bot/get_online_info|/v1/bots/{id}|/v1/apps/{id}|/v1/workflows/{id}"),
        ("POST", r"/v1/workflow/(run|stream_run|stream_resume|conversation/create)"),
        ("POST", r"/v1/workflows/chat"),
        ("GET POST", r"/v1/datasets"),
        ("PUT DELETE", r"/v1/datasets/{id}"),
        ("POST", r"/v1/datasets/{id}/process"),
        ("GET", r"/v1/datasets/{id}/images"),
        ("PUT", r"/v1/datasets/{id}/images/{id}"),
        ("POST", r"/open_api/knowledge/document/(create|list|delete|update)"),
    )
]
# What only the cloud has, by the name under which `Capabilities` tells of it.
_CLOUD_ONLY: Final[list[tuple[re.Pattern[str], str]]] = [
    (re.compile(path.replace("{id}", "[^/]+")), name)
    for path, name in (
        (r"/v3/chat/submit_tool_outputs", "submit_tool_outputs"),
        (r"/v1/conversation/message/(create|retrieve|modify|delete)", "message_writes"),
        (r"/v1/conversations/{id}/messages/{id}/feedback", "feedback"),
        (r"/v1/files/retrieve", "files_retrieve"),
        (r"/v1/bots|/v1/space/published_bots_list", "bots_list"),
        (r"/v1/workspaces(/.*)?", "workspaces"),
        (r"/v1/users/me", "users_me"),
        (r"/v1/variables", "variables"),
        (r"/v1/audio/.*", "audio"),
        (r"/api/permission/oauth2/.*", "oauth"),
        (r"/open_api/v2/.*", "v2"),
        (r"/v1/workflows/{id}/run_histories/.*", "workflow_history"),
    )
]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do.

    While the server is unknown, everything that one of them can do counts as possible.

    Attributes:
        server: `cloud` (coze.com, coze.cn), `studio` (Coze Studio) or `unknown`.
        submit_tool_outputs: Whether a chat waits for tool outputs and takes them.
        message_writes: Whether single messages can be made, read, changed and deleted.
        feedback: Whether messages take feedback.
        files_retrieve: Whether an uploaded file can be looked up.
        bots_list: Whether bots can be listed.
        workspaces: Whether workspaces can be listed.
        users_me: Whether the account behind a token can be asked for.
        variables: Whether variables can be read and written.
        audio: Whether there are voices, speech and transcription.
        oauth: Whether one can sign in by OAuth.
        v2: Whether the old v2 API is there.
        answers_with_media: Whether assistants' messages may have the type `object_string`.
    """

    server: Literal["cloud", "studio", "unknown"]
    submit_tool_outputs: bool = True
    message_writes: bool = True
    feedback: bool = True
    files_retrieve: bool = True
    bots_list: bool = True
    workspaces: bool = True
    users_me: bool = True
    variables: bool = True
    audio: bool = True
    oauth: bool = True
    v2: bool = True
    answers_with_media: bool = True

    @classmethod
    def of(cls, server: ServerKind | None) -> Capabilities:
        """Return what a server can do.

        Args:
            server: The server, or None if it is unknown.
        """
        if server != "studio":
            return cls(server or "unknown")
        fields = (name for name in cls.__dataclass_fields__ if name in _LACKS)
        return cls("studio", **dict.fromkeys(fields, False))


def check_server(setting: str) -> ServerSetting:
    """Refuse a server that does not exist.

    Raises:
        ValueError: If it is none of the three.
    """
    for known in get_args(ServerSetting):
        if setting == known:
            return cast("ServerSetting", known)
    raise ValueError(
        f"server must be 'auto', 'cloud' (coze.com, coze.cn) or 'studio' (Coze Studio), "
        f"not {setting!r}"
    )


def told_server(setting: ServerSetting, base_url: str) -> ServerKind | None:
    """Return which server it is by what the user says, or by its address; None if neither tells."""
    if setting != "auto":
        return setting
    return "cloud" if urlsplit(base_url).hostname in CLOUD_HOSTS else None


def server_of_headers(headers: Mapping[str, str]) -> ServerKind | None:
    """Return which server sent these headers, None if they do not tell (section 1.3)."""
    return next((kind for name, kind in _BY_HEADER.items() if headers.get(name)), None)


def server_of_probe(reply: Reply) -> ServerKind | None:
    """Return which server answered `PROBE`; None if neither would answer so."""
    told = server_of_headers(reply.headers)
    if told is not None:
        return told
    payload = reply.payload
    if not isinstance(payload, Mapping) or payload.get("code") != _NO_TOKEN:
        return None
    return "cloud" if reply.status_code == 401 else "studio"


def lacking(call: Call, server: ServerKind) -> Lack | None:
    """Return what a server lacks for a call; None if it can be sent."""
    if (call.method, call.path) == _STUDIO_ONLY:
        return _CLOUD_LACKS if server == "cloud" else None
    if server == "cloud":
        return None
    name = _what_studio_lacks(call.method, call.path)
    if name is None:
        name = "answers_with_media" if _has_answers_with_media(call) else ""
    return _LACKS[name] if name else None


@functools.lru_cache(maxsize=256)
def _what_studio_lacks(method: str, path: str) -> str | None:
    """Return the name of what Studio lacks: None for nothing, `""` for a path that is not ours."""
    if any(method in methods and pattern.fullmatch(path) for methods, pattern in _BOTH):
        return None
    if not path.startswith(_OF_COZE):
        return ""
    return next((name for pattern, name in _CLOUD_ONLY if pattern.fullmatch(path)), "others")


def tells_apart(call: Call) -> bool:
    """Whether only one of the servers has what a call asks for.

    Whoever speaks v2 has chosen it for a server that has it, which may have nothing else.
    """
    if call.path.startswith(_V2):
        return False
    return lacking(call, "cloud") is not None or lacking(call, "studio") is not None


def unsupported(call: Call, lack: Lack, server: ServerKind) -> UnsupportedError:
    """Return the error for a call that is not sent."""
    return UnsupportedError(
        f"{_NAMES[server]} does not have {lack.what}: {call.method} {call.path} was not sent",
        hint_en=lack.hint_en,
        hint_zh=lack.hint_zh,
    )


def _has_answers_with_media(call: Call) -> bool:
    messages = (call.json or {}).get("additional_messages")
    return isinstance(messages, list) and any(
        isinstance(message, Mapping)
        and message.get("role") == "assistant"
        and message.get("content_type") == "object_string"
        for message in messages
    )
