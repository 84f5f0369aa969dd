"""LlamaIndex's OpenAILike works with the gateway, unmodified."""

import os
import subprocess
from pathlib import Path

import pytest
from serving import KEY

from coze_core.emulator import Bot, ToolCall
from openai_coze import create_app

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("OPENAI_LIKE_PYTHON") or ROOT / ".venv-llama-openai/bin/python")


async def city(messages, context):
    # LlamaIndex asks for data by a tool.
    if "City" in messages[-1].text:
        yield '<tool_call>{"name": "City", "arguments": {"name": "Paris"}}</tool_call>'
    else:
        yield ToolCall("City", {"name": "Paris"})


def _installed():
    return PYTHON.exists() and any(
        PYTHON.parent.parent.glob("lib/python*/site-packages/llama_index/llms/openai_like")
    )


@pytest.mark.skipif(
    not _installed(), reason="OpenAILike has an environment of its own: run `make test`"
)
def test_openai_like_works_unmodified(serve, settings_for, emulator):
    emulator.add_bot(Bot("city", city))
    url = serve(create_app(settings_for("assistant", "city")))
    script = ROOT / "tests" / "openai_like_checks" / "check.py"
    done = subprocess.run(
        [PYTHON, script, f"{url}/v1", KEY], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count("ok ") == 5
