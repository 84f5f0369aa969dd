"""The official Python SDK works against the emulator, unmodified."""

import os
import subprocess
from pathlib import Path

from coze_core.emulator import WORKSPACE_ID

ROOT = Path(__file__).parents[3]


def test_the_official_sdk_works_unmodified(emulator):
    python = Path(os.environ.get("COZEPY_PYTHON") or ROOT / ".venv-cozepy" / "bin" / "python")
    assert python.exists(), "the official SDK has an environment of its own: run `make test`"
    bots = [emulator.bot_id(name) for name in ("echo", "assistant", "slow")]
    command = [python, ROOT / "tests" / "cozepy_checks" / "check.py", emulator.base_url]
    done = subprocess.run(
        [*command, emulator.token, *bots, WORKSPACE_ID], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("ok") == 10
