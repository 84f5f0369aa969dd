"""Two workers behind nginx, with the file in deploy/."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

import httpx
import openai
import pytest
from serving import KEY

from coze_core.emulator import Bot, Delta, ToolCall
from openai_coze import create_app

ROOT = Path(__file__).parents[2]
FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@pytest.fixture
def behind_nginx(tmp_path):
    """Starts nginx before some workers and returns its address."""
    with contextlib.ExitStack() as stack:

        def start(urls):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
            text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
            lines = [line for line in text.splitlines() if "ssl_certificate" not in line]
            text = "\n".join(lines)
            for number, url in enumerate(urls, 8001):
                text = text.replace(f"127.0.0.1:{number}", url.removeprefix("http://"))
            folders = " ".join(f"{name}_temp_path {tmp_path}/{name};" for name in FOLDERS)
            (tmp_path / "nginx.conf").write_text(
                f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
                f"http {{ access_log off; {folders}\n{text}\n}}\n"
            )
            process = stack.enter_context(
                subprocess.Popen(["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"])
            )
            stack.callback(process.terminate)
            return f"http://127.0.0.1:{port}"

        yield start


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx on this machine")
def test_tokens_come_at_once_and_calls_of_tools_find_their_chat(
    serve, settings_for, emulator, behind_nginx
):
    seen = asyncio.Event()

    async def waits(messages, context):
        yield Delta("begin")
        await seen.wait()  # until the caller has seen the first word
        yield Delta(" end")

    async def calls(messages, context):
        if context.tool_results:
            yield "So: " + context.tool_results[0].output
        else:
            yield ToolCall("get_weather", {"city": "Paris"})

    emulator.add_bot(Bot("waits", waits))
    emulator.add_bot(Bot("calls", calls, tools=("get_weather",)))
    settings = settings_for("waits", "calls")
    url = behind_nginx([serve(create_app(settings)) for _ in range(2)])
    http = httpx.Client(transport=httpx.HTTPTransport(retries=10))
    assert http.get(f"{url}/healthz").status_code == 200
    assert http.get(f"{url}/metrics").status_code == 403
    http.close()
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        stream = client.chat.completions.create(
            model="waits", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        text = ""
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            if text == "begin":
                emulator._running_loop().call_soon_threadsafe(seen.set)
        assert text == "begin end"
        for _ in range(4):
            history = [{"role": "user", "content": "Weather?"}]
            message = (
                client.chat.completions.create(model="calls", messages=history).choices[0].message
            )
            history.append(message)
            (call,) = message.tool_calls
            history.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
            done = client.chat.completions.create(model="calls", messages=history)
            assert done.choices[0].message.content == "So: sunny"
