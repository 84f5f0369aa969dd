"""The official Python SDK works against the emulator, unmodified."""

import os
import subprocess
from pathlib import Path

from keys import key_pair

from coze_core.emulator import WORKSPACE_ID, OAuthApp

ROOT = Path(__file__).parents[3]


def test_the_official_sdk_works_unmodified(emulator, tmp_path):
    private, public = key_pair()
    (tmp_path / "key.pem").write_text(private)
    back = ["https://me.example/back"]
    for app in (
        OAuthApp("cozepy", public_keys={"kid-1": public}),
        OAuthApp("cozepy-web", client_secret="secret", redirect_uris=back),
        OAuthApp("cozepy-pkce", redirect_uris=back, interval=0),
    ):
        emulator.add_oauth_app(app)
    python = Path(os.environ.get("COZEPY_PYTHON") or ROOT / ".venv-cozepy" / "bin" / "python")
    assert python.exists(), "the official SDK has an environment of its own: run `make test`"
    bots = [emulator.bot_id(name) for name in ("echo", "assistant", "slow")]
    command = [python, ROOT / "tests" / "cozepy_checks" / "check.py", emulator.base_url]
    command += [emulator.token, *bots, WORKSPACE_ID, tmp_path / "key.pem"]
    command += [emulator.workflow_id(name) for name in ("weather", "travel", "order")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("ok") == 12
