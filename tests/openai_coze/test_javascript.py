"""OpenAI's own JavaScript client works with the gateway, unmodified."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from serving import KEY

from coze_core.emulator import Bot, Fail, ToolCall
from openai_coze import create_app

ROOT = Path(__file__).parents[2]
MODULES = Path(os.environ.get("OPENAI_JS_MODULES") or ROOT / ".node-openai")


async def calls_two(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(f"{r.name}={r.output}" for r in context.tool_results)
        return
    yield ToolCall("get_weather", {"city": "Paris"})
    yield ToolCall("get_time", {"city": "Paris"})


async def city(messages, context):
    yield 'Here you are: {"name": "Paris"}'


async def breaks(messages, context):
    yield "so far"
    yield Fail(5000, "event interval error")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")
@pytest.mark.skipif(
    not (MODULES / "node_modules" / "openai").exists(),
    reason="OpenAI's JavaScript client is not installed: run `make test` where npm is",
)
def test_the_javascript_client_works_unmodified(serve, settings_for, emulator):
    emulator.add_bot(Bot("calls_two", calls_two, tools=("get_weather", "get_time")))
    emulator.add_bot(Bot("city", city))
    emulator.add_bot(Bot("breaks", breaks))
    settings = settings_for("assistant", "slow", "calls_two", "city", "breaks")
    url = serve(create_app(settings))
    script = ROOT / "tests" / "js_checks" / "check.cjs"
    done = subprocess.run(
        ["node", script, MODULES, f"{url}/v1", KEY], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count("ok ") == 11
