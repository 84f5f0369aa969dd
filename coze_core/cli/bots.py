"""`coze bots`: what bots there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from coze_core._bot_models import BotSummary
from coze_core._client import CozeClient
from coze_core.cli import _options as options
from coze_core.cli._access import access
from coze_core.cli._output import say_json, say_table


def bots(
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Only those of this workspace.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are not published to the API.")
    ] = False,
    as_json: options.JsonOption = False,
    token: options.TokenOption = None,
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
    timeout: options.TimeoutOption = None,
) -> None:
    """List your bots and their ids / 列出智能体及其 ID."""
    rows = []
    with access(token, base_url, region).client(timeout) as client:
        for space, name, bot in _bots(client, workspace, every=every):
            if as_json:
                say_json({"workspace_id": space, "workspace": name, **bot.model_dump()})
            else:
                rows.append([bot.id, bot.name, _state(bot), name or space, bot.description])
    if not as_json:
        say_table(["ID", "name", "published", "workspace", "description"], rows)


def _bots(
    client: CozeClient, workspace: str | None, *, every: bool
) -> Iterator[tuple[str, str, BotSummary]]:
    """Iterate over (workspace id, workspace name, bot)."""
    if workspace is not None:
        spaces = [(workspace, "")]
    else:
        spaces = [(found.id, found.name) for found in client.workspaces.list()]
    for id, name in spaces:
        for bot in client.bots.list(workspace_id=id, publish_status="all" if every else None):
            yield id, name, bot


def _state(bot: BotSummary) -> str:
    return "" if bot.is_published is None else "yes" if bot.is_published else "no"
