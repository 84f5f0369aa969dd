"""`coze emulator`: a local Coze; the same as `python -m coze_core.emulator`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Profile(StrEnum):
    """Whose dialect the emulator speaks."""

    cloud = "cloud"
    studio = "studio"


def emulator(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8787,
    token: Annotated[str, typer.Option(help="The token requests must carry.")] = "pat_emulator",  # noqa: S107 - it opens nothing but the emulator
    profile: Annotated[Profile, typer.Option(help="Whose dialect to speak.")] = Profile.cloud,
    db: Annotated[str, typer.Option(help="A file that survives a restart.")] = ":memory:",
    bot: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODULE:FUNCTION",
            help="A further bot: an async function of (messages, context); may be repeated.",
        ),
    ] = None,
) -> None:
    """Serve a local Coze over real HTTP; no account needed / 在本机运行扣子模拟服务."""
    try:
        from coze_core.emulator.__main__ import serve  # it needs a package of its own
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"h11", "jwt", "cryptography"}:
            raise
        raise ImportError(
            "the emulator needs more packages: pip install 'coze-bridge[emulator]' / "
            "模拟服务需要额外的依赖：pip install 'coze-bridge[emulator]'"
        ) from None
    status = serve(host=host, port=port, token=token, profile=profile.value, db=db, bot=bot or [])
    raise typer.Exit(status)
