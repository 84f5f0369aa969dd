"""Whether the bot exists and is published to the API channel."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coze_core._client import CozeClient
from coze_core._errors import CozeError, NotFoundError, PermissionDeniedError
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped, warning

_IN_ADDRESS = re.compile(r"/bot/(\d{6,})")
_UNPUBLISHED = 4015
_PUBLISH = (
    "Publish it with the channel API ticked (Publish > API), or talk to the draft: --draft.",
    "请在发布页勾选 API 渠道并发布，或使用 --draft 调用草稿。",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server says of the bot.

    Attributes:
        name: Its name; None if it was not shown.
        error: Why it was not shown.
        unpublished: Whether it exists, but not for the API.
        unknown: Whether there is no such bot.
        denied: Whether we may not look.
    """

    name: str | None = None
    error: str = ""
    unpublished: bool = False
    unknown: bool = False
    denied: bool = False


def run(patient: Patient) -> Result:
    """Check the bot."""
    if patient.bot_id is None:
        return skipped("no bot was named: pass --bot or set COZE_BOT_ID")
    wrong = judge_form(patient.bot_id)
    if wrong is not None:
        return wrong
    bot_id = patient.bot_id.strip()
    return judge(bot_id, probe(patient, bot_id))


def probe(patient: Patient, bot_id: str) -> Seen:
    """Ask for the bot, and for its draft if it is not there."""
    with patient.client() as client:
        try:
            return Seen(name=client.bots.retrieve(bot_id=bot_id).name)
        except PermissionDeniedError as error:
            return Seen(error=error.message, denied=True)
        except NotFoundError as error:
            unpublished = error.code == _UNPUBLISHED or _has_draft(client, bot_id)
            return Seen(error=error.message, unpublished=unpublished, unknown=not unpublished)
        except CozeError as error:
            return Seen(error=error.message)


def _has_draft(client: CozeClient, bot_id: str) -> bool:
    try:
        client.bots.retrieve(bot_id=bot_id, is_published=False)
    except CozeError:
        return False
    return True


def judge_form(bot_id: str) -> Result | None:
    """Say whether this can be no id; None if it can."""
    text = bot_id.strip()
    address = _IN_ADDRESS.search(text)
    if address is not None:
        return failed(
            "the bot id is an address",
            f"Use the number after /bot/ in it: {address[1]}",
            f"请只填写地址中 /bot/ 之后的数字：{address[1]}",
        )
    if re.fullmatch(r"[\d.,_]+(?:[eE]\+?\d+)?", text) and not text.isdigit():
        return failed(
            f"the bot id {text!r} was changed by a program that took it for a number",
            "Copy the id again from the bot's address and keep it as text, in quotes.",
            "ID 被当作数字处理而损坏：请重新复制，并始终以字符串（加引号）保存。",
        )
    if not text.isascii() or not text.isdigit():
        return failed(
            f"the bot id {text[:40]!r} is not a number",
            "Use the digits after /bot/ in the address of the bot's page, not its name.",
            "请使用智能体页面地址中 /bot/ 之后的数字，而不是名称。",
        )
    return None


def judge(bot_id: str, seen: Seen) -> Result:
    """Say whether the bot can be talked to."""
    if seen.name is not None:
        return ok(f"{seen.name} ({bot_id}) is published to the API")
    if seen.unpublished:
        return failed(f"the bot {bot_id} is not published to the API channel", *_PUBLISH)
    if seen.unknown:
        fix_en = "Take the digits after /bot/ in the address of the bot's page, and a token of its "
        fix_en += "workspace and region."
        fix_zh = "请核对智能体页面地址中 /bot/ 之后的数字，并使用其所在空间和区域的令牌。"
        if len(bot_id) >= 17 and bot_id.endswith("00"):
            fix_en += " It ends in zeros: a program that took it for a number may have rounded it."
            fix_zh += "末尾为零，可能曾被当作数字而丢失精度。"
        return failed(f"there is no bot {bot_id} here: {seen.error}", fix_en, fix_zh)
    if seen.denied:
        return warning(
            f"whether the bot {bot_id} exists is not known: the token may not read bots",
            "The chat below will tell; or give the token the permission Bot.",
            "令牌无读取智能体的权限，将由后面的对话来验证。",
        )
    return warning(
        f"the bot could not be looked at: {seen.error}",
        "The chat below will tell.",
        "无法读取智能体信息，将由后面的对话来验证。",
    )
