"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="The access token; else COZE_API_TOKEN, else what `coze auth login` stored. "
        "Others see it in the list of processes: prefer the variable / 建议使用环境变量.",
        show_default=False,
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option("--base-url", help="The API host; else COZE_API_BASE.", show_default=False),
]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", help="com or cn, instead of --base-url.", show_default=False),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", help="Seconds for every wait.", show_default=False),
]
BotOption = Annotated[
    str | None,
    typer.Option("--bot", "-b", help="The bot's id; else COZE_BOT_ID.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for scripts, one object a line.")]
