"""The endpoints of files, bots, workspaces and users (protocol notes, sections 6.3 to 6.5)."""

from __future__ import annotations

from coze_core.emulator import _checks as check
from coze_core.emulator._bots import Bot
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._state import USER_ID, WORKSPACE_ID, Reply, State
from coze_core.emulator._store import Document

_MAX_FILE = 512 * 1024 * 1024
_CREATED = 1718289297  # when the emulator's bots were "made"


def upload_file(state: State, request: Request) -> Reply:
    """Store a file."""
    files = [part for part in request.files() if part[0] == "file"]
    if not files:
        raise ApiError(4300, "No file in the request")
    if len(files) > 1:
        raise ApiError(4301, "Only one file at a time")
    _, name, content = files[0]
    if not content:
        raise ApiError(4300, "The file is empty")
    if len(content) > _MAX_FILE:
        raise ApiError(4302, "The file is too large")
    if not name:
        raise ApiError(4304, "The file has no name")
    file: Document = {
        "id": state.clock.new_id(),
        "bytes": len(content),
        "file_name": name,
        "created_at": state.clock.seconds(),
    }
    state.store.put("file", file["id"], file)
    state.store.put_content(file["id"], content)
    if state.profile.is_studio:
        created = file.pop("created_at")
        file = {**file, "CreatedAt": created, "uri": f"tos/{name}", "url": f"http://studio/{name}"}
    return state.profile.envelope("file", file)


def retrieve_file(state: State, request: Request) -> Reply:
    """Return what is known of a file."""
    id = request.query.get("file_id") or ""
    file = state.store.get("file", id) if id else None
    if file is None:
        raise ApiError(4200, f"Requested resource file_id={id} does not exist.")
    return {"code": 0, "msg": "", "data": file}


def _visible(state: State, bot_id: str, *, draft: bool) -> Bot:
    bot = state.bots.get(bot_id)
    if bot is None:
        raise ApiError(4200, f"Requested resource bot_id={bot_id} does not exist.")
    if not bot.published and not draft:
        raise ApiError(
            4015, f"The bot_id {bot_id} has not been published to the channel Agent As API."
        )
    return bot


def _bot(bot: Bot) -> Document:
    return {
        "bot_id": bot.id,
        "name": bot.name,
        "description": bot.description,
        "icon_url": f"https://example.com/{bot.name}.png",
        "create_time": _CREATED,
        "update_time": _CREATED,
        "version": "1718289297000" if bot.published else "",
        "prompt_info": {"prompt": ""},
        "onboarding_info": {
            "prologue": bot.prologue,
            "suggested_questions": list(bot.suggested_questions),
        },
        "bot_mode": 0,
        "plugin_info_list": [
            {
                "plugin_id": "7374787648269074486",
                "name": tool,
                "description": "A local plugin.",
                "icon_url": "",
                "api_info_list": [
                    {"api_id": "7375048893094101003", "name": tool, "description": ""}
                ],
            }
            for tool in bot.tools
        ],
        "model_info": {"model_id": "1", "model_name": "emulated"},
        "workflow_info_list": [],
        "shortcut_commands": [],
    }


def retrieve_bot(state: State, request: Request, bot_id: str) -> Reply:
    """Return a bot."""
    draft = (request.query.get("is_published") or "true").lower() == "false"
    return state.profile.envelope("bot", _bot(_visible(state, bot_id, draft=draft)))


def retrieve_bot_legacy(state: State, request: Request) -> Reply:
    """Return a published bot."""
    bot = _visible(state, request.query.get("bot_id") or "", draft=False)
    return state.profile.envelope("bot", _bot(bot))


def list_bots(state: State, request: Request) -> Reply:
    """Return the bots of a workspace, a page at a time."""
    query = request.query
    check_workspace(query.get("workspace_id"), "workspace_id")
    wanted = query.get("publish_status") or "published_online"
    if wanted not in {"all", "published_online", "published_draft", "unpublished_draft"}:
        raise ApiError(4000, f"Invalid publish_status: {wanted}")
    bots = [
        bot
        for bot in state.bots.values()
        if wanted == "all" or bot.published == (wanted != "unpublished_draft")
    ]
    # The Python SDK calls the number of the page `page_index` here (section 10.6).
    number = check.number(query.get("page_num") or query.get("page_index"), "page_num", 1, 1, 10**9)
    size = check.number(query.get("page_size"), "page_size", 20, 1, 100)
    items = [
        {
            "id": bot.id,
            "name": bot.name,
            "icon_url": f"https://example.com/{bot.name}.png",
            "folder_id": "0",
            "updated_at": _CREATED,
            "description": bot.description,
            "is_published": bot.published,
            "published_at": _CREATED if bot.published else 0,
            "owner_user_id": USER_ID,
        }
        for bot in bots[(number - 1) * size : number * size]
    ]
    return {"code": 0, "msg": "", "data": {"items": items, "total": len(bots)}}


def list_bots_legacy(state: State, request: Request) -> Reply:
    """Return the published bots of a workspace, in the older form."""
    query = request.query
    check_workspace(query.get("space_id"), "space_id")
    number = check.number(query.get("page_index"), "page_index", 1, 1, 10**9)
    size = check.number(query.get("page_size"), "page_size", 20, 1, 100)
    bots = [bot for bot in state.bots.values() if bot.published]
    items = [
        {
            "bot_id": bot.id,
            "bot_name": bot.name,
            "description": bot.description,
            "icon_url": f"https://example.com/{bot.name}.png",
            "publish_time": str(_CREATED),
        }
        for bot in bots[(number - 1) * size : number * size]
    ]
    return {"code": 0, "msg": "", "data": {"space_bots": items, "total": len(bots)}}


def check_workspace(id: str | None, name: str) -> None:
    """Refuse another workspace than the only one."""
    if not id:
        raise ApiError(4000, f"The field {name} is required")
    if id != WORKSPACE_ID:
        raise ApiError(4200, f"Requested resource {name}={id} does not exist.")


def list_workspaces(state: State, request: Request) -> Reply:  # noqa: ARG001
    """Return the only workspace."""
    number = check.number(request.query.get("page_num"), "page_num", 1, 1, 10**9)
    workspace = {
        "id": WORKSPACE_ID,
        "name": "emulated",
        "icon_url": "https://example.com/workspace.png",
        "role_type": "owner",
        "enterprise_id": "",
        "workspace_type": "personal",
    }
    data = {"workspaces": [workspace] if number == 1 else [], "total_count": 1}
    return {"code": 0, "msg": "", "data": data}


def me(state: State, request: Request) -> Reply:  # noqa: ARG001 - every endpoint is given both
    """Return the account."""
    user = {
        "user_id": USER_ID,
        "user_name": "emulated",
        "nick_name": "Emulated user",
        "avatar_url": "https://example.com/user.png",
    }
    return {"code": 0, "msg": "", "data": user}
