"""`coze upload`: files that messages and workflows can refer to."""

from __future__ import annotations

from typing import Annotated

import typer

from coze_core.cli import _options as options
from coze_core.cli._access import access
from coze_core.cli._chat.attachments import checked
from coze_core.cli._output import say_json, say_table


def upload(
    files: Annotated[list[str], typer.Argument(help="The files.", metavar="FILE...")],
    as_json: options.JsonOption = False,
    token: options.TokenOption = None,
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
    timeout: options.TimeoutOption = None,
) -> None:
    """Upload files and tell their ids; Coze keeps them for three months / 上传文件."""
    paths = checked(files)
    rows = []
    try:
        with access(token, base_url, region).client(timeout) as client:
            for path in paths:
                file = client.files.upload(path)
                if as_json:
                    say_json({"path": str(path), **file.model_dump()})
                else:
                    rows.append([file.id, str(file.bytes or ""), str(path)])
    finally:  # those that were uploaded before one was refused
        if rows:
            say_table(["ID", "bytes", "file"], rows)
