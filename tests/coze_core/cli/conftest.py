"""The command line, run in this process or in one of its own, against an emulator."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from coze_core.cli._app import app

PROXIES = [f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL", "NO")]


@pytest.fixture(autouse=True)
def _settings(monkeypatch, emulator):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    monkeypatch.setenv("COZE_BOT_ID", emulator.bot_id("assistant"))


@pytest.fixture
def coze():
    """Run a command; returns what `CliRunner` does."""

    def run(*arguments, **options):
        return CliRunner().invoke(app, list(arguments), prog_name="coze", **options)

    return run


@pytest.fixture
def process():
    """Run a command in a process of its own."""

    def run(*arguments, env=None, **options):
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "coze_core.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(env or {})},
            **{"stdin": subprocess.DEVNULL} | options,
        )

    return run
