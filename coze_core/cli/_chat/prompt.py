"""The interactive prompt."""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path
from typing import Final

from coze_core._errors import CozeError
from coze_core._models import ToolCall
from coze_core.cli._chat.attachments import checked
from coze_core.cli._chat.talk import Talk
from coze_core.cli._errors import report
from coze_core.cli._output import plain, stderr

_HELP: Final = (
    "/file PATH  attach a file or an image to the next message / 附加文件或图片\n"
    "/new        begin a new conversation / 开始新会话\n"
    "/quit       leave; so does Ctrl-D / 退出\n"
    "Ctrl-C stops the bot and keeps the conversation / Ctrl-C 停止回答并保留会话"
)


class Prompt:
    """Reads what the user types until they leave.

    Args:
        talk: The conversation.
        paths: Files for the first message.
    """

    def __init__(self, talk: Talk, paths: list[Path]) -> None:
        self._talk = talk
        self._paths = paths
        self._note = stderr()

    def run(self) -> None:
        """Talk until the user leaves."""
        with contextlib.suppress(ImportError):  # line editing and history, where there is any
            importlib.import_module("readline")
        self._say("/help shows what else there is / 输入 /help 查看命令")
        going = True
        while going:
            try:
                going = self._next()
            except KeyboardInterrupt:
                self._say("\n/quit or Ctrl-D leaves / 输入 /quit 退出")

    def _next(self) -> bool:
        """Take one line; return whether the user stays."""
        try:
            line = self._line().strip()
        except EOFError:
            self._say("")
            return False
        if line in {"/quit", "/exit", "/q"}:
            return False
        if line:
            self._take(line)
        return True

    def _line(self) -> str:
        if sys.stdout.isatty():
            return input("> ")
        self._note.out("> ", end="", highlight=False)  # the answers alone go into the file
        return input()

    def _take(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        if command == "/file":
            self._attach(rest.strip())
        elif command == "/new":
            self._talk.conversation_id = None
            self._say("a new conversation / 已开始新会话")
        elif command == "/help":
            self._say(_HELP)
        elif line.startswith("//") or not line.startswith("/"):
            self._ask(line.removeprefix("/") if line.startswith("//") else line)
        else:
            report(f"there is no {command}; /help shows what there is; // sends a line with a /")

    def _attach(self, path: str) -> None:
        try:
            self._paths += checked([path.strip("'\"")])
        except ValueError as error:
            report(str(error))
            return
        names = ", ".join(known.name for known in self._paths)
        self._say(f"with the next message / 将随下一条消息发送: {names}")

    def _ask(self, line: str) -> None:
        try:
            self._talk.ask(line, self._paths)
        except KeyboardInterrupt:
            self._talk.show.canceled()
        except CozeError as error:
            self._talk.show.failed(error)
        except ValueError as error:
            report(str(error))
        else:
            self._paths = []

    def _say(self, text: str) -> None:
        self._note.out(text, style="dim", highlight=False)


def ask_user(call: ToolCall) -> str | None:
    """Ask the user for the output of a local tool; None if they have none."""
    note = stderr()
    if call.is_question:
        note.out(plain(f"[question] {call.arguments}"), highlight=False)
    else:
        note.out(plain(f"[tool] {call.name}({call.arguments})"), highlight=False)
    try:
        return input("output / 输出: ")
    except EOFError:
        return None
