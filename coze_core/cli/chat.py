"""`coze chat`: talk to a bot."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from coze_core._environment import from_environment
from coze_core._errors import CozeError
from coze_core._identity import anonymous_user_id
from coze_core._models import ToolCall
from coze_core._turn import Turn
from coze_core.cli import _options as options
from coze_core.cli._access import access
from coze_core.cli._chat.attachments import checked
from coze_core.cli._chat.prompt import Prompt, ask_user
from coze_core.cli._chat.shows import JsonShow, MarkdownShow, Show, TextShow
from coze_core.cli._chat.talk import AnswerTool, Talk
from coze_core.cli._errors import report


def chat(
    bot: options.BotOption = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", help="Ask this once, instead of a conversation."),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", help="Attach a file or an image; may be repeated."),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", "-c", help="Go on with this conversation.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Your id of the end user; else COZE_USER_ID.")
    ] = None,
    tool_output: Annotated[
        list[str] | None,
        typer.Option(
            "--tool-output",
            metavar="NAME=TEXT",
            help="Answer the bot's local plugin of this name with this text; may be repeated.",
        ),
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Talk to the bot's draft, not its published version.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Render the answer.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer.")] = False,
    as_json: options.JsonOption = False,
    token: options.TokenOption = None,
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
    timeout: options.TimeoutOption = None,
) -> None:
    """Talk to a bot / 与智能体对话.

    With -m, or with text piped in, asks once; otherwise holds a conversation: type, and see /help.
    The answer goes to stdout, everything about it to stderr. Ctrl-C stops the bot.
    """
    bot_id = bot or from_environment("bot_id")
    if not bot_id:
        raise ValueError(
            "no bot: pass --bot or set COZE_BOT_ID / 未指定智能体：请传入 --bot 或设置 COZE_BOT_ID"
        )
    paths = checked(file or [])
    known = _tool_outputs(tool_output or [])
    text = message if message is not None else _piped()
    if text is not None and not text.strip():
        raise ValueError("the message is empty: pass -m TEXT, or pipe text in / 消息为空")
    with access(token, base_url, region).client(timeout) as client:
        talk = Talk(
            client,
            bot_id.strip(),
            user or from_environment("user_id") or anonymous_user_id(),
            _show(as_json=as_json, markdown=markdown, quiet=quiet),
            _answering(known, ask=sys.stdin.isatty() and not as_json),
            conversation,
            draft,
        )
        if text is None:
            Prompt(talk, paths).run()
        else:
            _check(_once(talk, text, paths), as_json=as_json)


def _piped() -> str | None:
    """Return what was piped in, or None on a terminal."""
    return None if sys.stdin.isatty() else sys.stdin.read()


def _once(talk: Talk, text: str, paths: list[Path]) -> Turn:
    try:
        return talk.ask(text, paths)
    except KeyboardInterrupt:
        talk.show.canceled()
        raise
    except CozeError as error:
        talk.show.failed(error)
        raise typer.Exit(1) from None


def _check(turn: Turn, *, as_json: bool) -> None:
    """Fail if the bot still waits for something."""
    if turn.status == "completed":
        return
    if turn.tool_calls and not as_json:
        calls = ", ".join(f"{call.name}({call.arguments})" for call in turn.tool_calls)
        report(
            f"the bot waits for the output of {calls}: pass --tool-output NAME=TEXT / "
            f"智能体正在等待本地插件的输出，请传入 --tool-output"
        )
    raise typer.Exit(1)


def _show(*, as_json: bool, markdown: bool, quiet: bool) -> Show:
    if as_json:
        return JsonShow()
    return MarkdownShow(quiet=quiet) if markdown else TextShow(quiet=quiet)


def _tool_outputs(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"--tool-output takes NAME=TEXT, not {pair!r}")
        found[name] = text
    return found


def _answering(known: dict[str, str], *, ask: bool) -> AnswerTool:
    def answer(call: ToolCall) -> str | None:
        if call.name in known:
            return known[call.name]
        return ask_user(call) if ask else None

    return answer
