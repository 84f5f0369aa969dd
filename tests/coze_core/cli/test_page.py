"""Every command that the documentation shows can be parsed."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from coze_core.cli._app import app

ROOT = Path(__file__).parents[3]


def commands():
    for page in ("docs/cli.md", "README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
            for line in re.findall(r"^\$ (.*)", block, re.MULTILINE):
                for part in re.split(r"\s[|<>]\s", line):
                    words = shlex.split(part, comments=True)
                    # Parsing these two would write to the user's shell settings.
                    if words and words[0] == "coze" and "-completion" not in words[-1]:
                        yield pytest.param(words[1:], id=" ".join(words))


@pytest.mark.parametrize("words", list(commands()))
def test_a_command_of_the_documentation_parses(words, capsys):
    command, context = get_command(app), None
    while hasattr(command, "resolve_command"):
        try:
            context = command.make_context(command.name, words, parent=context)
        except typer.Exit as left:  # --help and the like
            assert left.exit_code == 0
            return
        words = [*getattr(context, "_protected_args", []), *context.args]
        name, command, words = command.resolve_command(context, words)
        assert name
    try:
        command.make_context(command.name, words, parent=context)
    except typer.Exit as left:
        assert left.exit_code == 0


def test_completion_is_documented_as_it_is_offered(coze):
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    shown = coze("--help", env={"COLUMNS": "200"}).stdout
    for option in ("--install-completion", "--show-completion"):
        assert f"$ coze {option}" in text
        assert option in shown


def test_all_commands_are_in_the_documentation():
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in get_command(app).commands:
        assert f"`coze {name}" in text
