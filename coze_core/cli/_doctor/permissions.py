"""What the token may do, by calls that ask for things that cannot exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coze_core._call import Call
from coze_core._client import CozeClient
from coze_core._errors import APIStatusError, CozeError, PermissionDeniedError
from coze_core._flow import send
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped, warning

_NOTHING: Final = "1"  # an id that nothing has


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission.

    Attributes:
        name: What it is called on Coze's page of tokens.
        used_for: What one needs it for.
        call: What shows whether it is there, and changes nothing.
        vital: Whether nothing works without it.
    """

    name: str
    used_for: str
    call: Call
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """What came of asking.

    Attributes:
        missing: The permissions that the token lacks.
        unknown: Those that nobody could be asked for.
        said: The server's own words for the first refusal.
    """

    missing: tuple[Permission, ...] = ()
    unknown: tuple[Permission, ...] = ()
    said: str = ""


PERMISSIONS: Final = (
    Permission(
        "Connector.botChat",
        "chats",
        # Refused for its bot, if it is not for the permission: no chat begins.
        Call(
            "POST",
            "/v3/chat",
            json={"bot_id": _NOTHING, "user_id": "doctor", "stream": False},
        ),
        vital=True,
    ),
    Permission("Bot", "reading and listing bots", Call("GET", f"/v1/bots/{_NOTHING}")),
    Permission("Workspace", "listing workspaces", Call("GET", "/v1/workspaces")),
    Permission(
        "Conversation",
        "history kept by the server",
        Call("GET", "/v1/conversation/retrieve", query={"conversation_id": _NOTHING}),
    ),
    Permission(
        "Message",
        "reading the messages of conversations",
        Call(
            "GET",
            "/v1/conversation/message/retrieve",
            query={"conversation_id": _NOTHING, "message_id": _NOTHING},
        ),
    ),
    Permission(
        "File",
        "images and files",
        Call("GET", "/v1/files/retrieve", query={"file_id": _NOTHING}),
    ),
    Permission("Workflow", "running workflows", Call("GET", f"/v1/workflows/{_NOTHING}")),
)


def run(patient: Patient) -> Result:
    """Check the permissions."""
    if patient.is_studio:
        return skipped("Coze Studio's tokens have none of their own")
    return judge(probe(patient))


def probe(patient: Patient) -> Granted:
    """Return the permissions that are missing."""
    missing, unknown, said = [], [], ""
    with patient.client() as client:
        for permission in PERMISSIONS:
            try:
                client.run(send(permission.call))
            except PermissionDeniedError as error:
                if not (permission.vital and _may_chat_with_its_bot(client, patient.bot_id)):
                    missing.append(permission)
                    said = said or error.message
            except APIStatusError:
                continue  # refused for another reason: so it may ask
            except CozeError:
                unknown.append(permission)
    return Granted(tuple(missing), tuple(unknown), said)


def _may_chat_with_its_bot(client: CozeClient, bot_id: str | None) -> bool:
    """Whether the token, which may not chat with any bot, may chat with this one.

    The request contradicts itself, so that no chat begins (protocol notes, section 8.1, 4007).
    """
    if bot_id is None:
        return False
    body = {
        "bot_id": bot_id.strip(),
        "user_id": "doctor",
        "stream": False,
        "auto_save_history": False,
    }
    try:
        client.run(send(Call("POST", "/v3/chat", json=body)))
    except PermissionDeniedError:
        return False
    except APIStatusError:
        return True
    return True


def judge(granted: Granted) -> Result:
    """Say what is missing."""
    missing = granted.missing
    if granted.unknown and not missing:
        names = ", ".join(permission.name for permission in granted.unknown)
        return warning(f"no answer when asked for {names}", "Try again.", "未收到回复，请重试。")
    if not missing:
        return ok(", ".join(permission.name for permission in PERMISSIONS))
    names = ", ".join(permission.name for permission in missing)
    uses = "; ".join(f"{permission.name}: {permission.used_for}" for permission in missing)
    fix = (
        f"Edit the token on Coze's page of API tokens: it needs {names}, for the bot's workspace.",
        f"请在扣子“API 令牌”页面为令牌勾选 {names}，并授权机器人所在的工作空间。",
    )
    vital = any(permission.vital for permission in missing)
    if vital:
        uses += " (or may chat with other bots only)"
    found = f"the token lacks {uses}; the server says: {granted.said!r}"
    return (failed if vital else warning)(found, *fix)
