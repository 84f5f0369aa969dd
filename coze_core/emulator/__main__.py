"""`python -m coze_core.emulator`: a local Coze on a port."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import threading
from collections.abc import Sequence

from coze_core.emulator import DEFAULT_TOKEN, Bot, Emulator
from coze_core.emulator._profile import ProfileName


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m coze_core.emulator",
        description="Serve a local Coze over real HTTP. 在本机运行一个扣子模拟服务。",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=8787, help="the port; 0 takes a free one")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the token requests must carry")
    parser.add_argument("--profile", choices=("cloud", "studio"), default="cloud")
    parser.add_argument("--db", default=":memory:", help="a file that survives a restart")
    parser.add_argument(
        "--bot",
        action="append",
        default=[],
        metavar="NAME=MODULE:FUNCTION",
        help="a further bot: an async function of (messages, context)",
    )
    return parser


def _bot(text: str) -> Bot:
    name, _, place = text.partition("=")
    module, _, function = place.partition(":")
    if not (name and module and function):
        raise ValueError(f"--bot takes NAME=MODULE:FUNCTION, not {text!r}")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"--bot {text}: {error}") from error
    return found if isinstance(found, Bot) else Bot(name, found)


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; return the exit status."""
    return serve(**vars(_parser().parse_args(arguments)))


def serve(
    *, host: str, port: int, token: str, profile: ProfileName, db: str, bot: Sequence[str]
) -> int:
    """Serve until interrupted; return the exit status.

    Args:
        host: Where to listen.
        port: The port; 0 takes a free one.
        token: The token that requests must carry.
        profile: `cloud` or `studio`.
        db: A file that survives a restart, or `:memory:`.
        bot: Further bots as NAME=MODULE:FUNCTION.
    """
    sys.path.insert(0, "")  # bots stand in the folder this is run from
    try:
        emulator = Emulator(
            profile=profile,
            token=token,
            bots=[_bot(text) for text in bot],
            db=db,
            host=host,
            port=port,
        ).start()
    except (ValueError, OSError) as error:
        print(f"The emulator could not start: {error}", file=sys.stderr)
        return 1
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    _tell(emulator, profile)
    ended.wait()
    emulator.stop()
    return 0


def _tell(emulator: Emulator, profile: str) -> None:
    print(f"Coze emulator ({profile}) at {emulator.base_url}")
    print(f"  export COZE_API_BASE={emulator.base_url}")
    print(f"  export COZE_API_TOKEN={emulator.token}")
    print(f"  export COZE_BOT_ID={emulator.bot_id('assistant')}")
    print("Bots:")
    for bot in emulator.bots.values():
        print(f"  {bot.id}  {bot.name}  {bot.description}")
    print("Workflows:")
    for workflow in emulator.workflows.values():
        print(f"  {workflow.id}  {workflow.name}  {workflow.description}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
