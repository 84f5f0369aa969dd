"""A bot whose answers come from any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx

from coze_core._sse import SSEDecoder
from coze_core.emulator._bots import (
    Bot,
    BotContext,
    BotMessage,
    Delta,
    Fail,
    Part,
    Reasoning,
    Usage,
)


def openai_bot(
    name: str,
    *,
    base_url: str,
    model: str,
    api_key: str = "",
    timeout: float = 120.0,
    system: str = "",
) -> Bot:
    """Return a bot that asks a model, for example one that a local model server runs.

    Args:
        name: The bot's name.
        base_url: The address up to and including `/v1`.
        model: The model's name there.
        api_key: The key, if it needs one.
        timeout: Seconds between two pieces of an answer.
        system: A system prompt.

    Example:
        >>> bot = openai_bot("local", base_url="http://127.0.0.1:11434/v1", model="qwen3")
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def run(messages: list[BotMessage], context: BotContext) -> AsyncIterator[Part]:
        body = {
            "model": model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": _messages(messages, system),
            "user": context.user_id,
        }
        url = base_url.rstrip("/") + "/chat/completions"
        decoder = SSEDecoder()
        async with (
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            if response.status_code >= 400:
                text = (await response.aread())[:200].decode("utf-8", "replace")
                yield Fail(4013, f"the model server answered {response.status_code}: {text}")
                return
            async for block in response.aiter_bytes():
                for event in decoder.feed(block):
                    for part in _parts(event.data):
                        yield part

    return Bot(name, run, description=f"Backed by the model {model}.")


def _messages(messages: list[BotMessage], system: str) -> list[dict[str, str]]:
    begin = [{"role": "system", "content": system}] if system else []
    return begin + [
        {"role": message.role, "content": message.text}
        for message in messages
        if message.type in {"question", "answer"}
    ]


def _parts(data: str) -> list[Part]:
    if data.strip() == "[DONE]":
        return []
    chunk = json.loads(data)
    found: list[Part] = []
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta") or {}
        if delta.get("reasoning_content"):
            found.append(Reasoning(delta["reasoning_content"]))
        if delta.get("content"):
            found.append(Delta(delta["content"]))
    usage = chunk.get("usage")
    if usage:
        found.append(Usage(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0))
    return found
