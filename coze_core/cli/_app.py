"""The application: its commands by name."""

from __future__ import annotations

import typer

from coze_core._version import __version__
from coze_core.cli._errors import ReportingGroup
from coze_core.cli._output import stdout
from coze_core.cli.auth import auth
from coze_core.cli.bots import bots
from coze_core.cli.chat import chat
from coze_core.cli.doctor import doctor
from coze_core.cli.emulator import emulator
from coze_core.cli.gateway import gateway
from coze_core.cli.upload import upload
from coze_core.cli.workflows import workflows

app = typer.Typer(
    name="coze",
    cls=ReportingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would show tokens
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Talk to Coze bots, and find out what is wrong / 与扣子智能体对话并排查问题.",
)


def _version(wanted: bool) -> None:
    if wanted:
        stdout().out(f"coze-bridge {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False,  # noqa: FBT003 - the default
        "--version",
        help="Show the version.",
        callback=_version,
        is_eager=True,
    ),
) -> None:
    del version  # its callback has done it all


for _command in (chat, doctor, bots, upload, emulator):
    app.command()(_command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(gateway)
app.add_typer(auth, name="auth")
app.add_typer(workflows, name="workflows")
