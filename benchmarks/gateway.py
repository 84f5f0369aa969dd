"""`python -m benchmarks.gateway`: what the gateway adds to the core client.

A canned server and the gateway run in processes of their own. The time to the first token is taken
in turn over the core client, and by plain HTTP through the gateway; then many streams run at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from coze_core import AsyncCozeClient, EnterMessage

TOKEN = "pat_benchmark"
BOT = "7379462189365198898"
MUST = 3.0  # milliseconds that the gateway may add to the first token, at the median


@contextlib.contextmanager
def started(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def memory(process: subprocess.Popen[str]) -> float:
    """What a process holds, in MB."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return float("nan")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def first_of_core(client: AsyncCozeClient) -> float:
    began = time.perf_counter()
    first = 0.0
    question = [EnterMessage.user("hi")]
    async with client.chat.stream(bot_id=BOT, user_id="u", messages=question) as stream:
        async for piece in stream.text():
            first = first or (time.perf_counter() - began if piece else 0.0)
    return first


async def first_of_gateway(client: httpx.AsyncClient, url: str) -> float:
    began = time.perf_counter()
    first, done = 0.0, False
    body = {"model": BOT, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as reply:
        async for block in reply.aiter_raw():
            if not first and b' word0"' in block:
                first = time.perf_counter() - began
            done = done or b"[DONE]" in block
    if reply.status_code != 200 or not done or not first:
        raise RuntimeError(f"the stream was not whole: {reply.status_code}")
    return first


async def measured(base_url: str, url: str, rounds: int) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    core, gateway = [], []
    async with (
        AsyncCozeClient(TOKEN, base_url=base_url) as client,
        httpx.AsyncClient(headers=headers) as http,
    ):
        for number in range(rounds + 20):
            pair = await first_of_core(client), await first_of_gateway(http, url)
            if number >= 20:  # the first ones open connections
                core.append(pair[0] * 1000)
                gateway.append(pair[1] * 1000)
    return {
        "core_p50_ms": statistics.median(core),
        "gateway_p50_ms": statistics.median(gateway),
        "added_p50_ms": statistics.median(gateway) - statistics.median(core),
        "added_p95_ms": statistics.quantiles(gateway, n=20)[-1]
        - statistics.quantiles(core, n=20)[-1],
    }


async def together(url: str, streams: int) -> float:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=120) as http:
        began = time.perf_counter()
        await asyncio.gather(*(first_of_gateway(http, url) for _ in range(streams)))
        return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--streams", type=int, default=500)
    options = parser.parse_args()
    with started(["benchmarks.server"]) as server:
        assert server.stdout is not None
        base_url = f"http://127.0.0.1:{int(server.stdout.readline())}/paced-50"
        address = ("--port", "18765", "--log", "text")
        with started(["openai_coze", *address], COZE_API_BASE=base_url) as gateway:
            url = "http://127.0.0.1:18765"
            with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as http:
                http.get(f"{url}/healthz").raise_for_status()
            found = asyncio.run(measured(base_url, url, options.rounds))
            found["memory_before_mb"] = memory(gateway)
            for number in range(3):
                found[f"{options.streams}_streams_{number}_s"] = asyncio.run(
                    together(url, options.streams)
                )
                found[f"memory_after_{number}_mb"] = memory(gateway)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=2))
    met = found["added_p50_ms"] <= MUST
    print(f"added at the median: must be {MUST} ms or less: {'met' if met else 'MISSED'}")
    return not met


if __name__ == "__main__":
    sys.exit(main())
