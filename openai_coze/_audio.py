"""`/v1/audio/speech` and `/v1/audio/transcriptions`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal

from coze_core import AsyncCozeClient
from coze_core.dialog import playable
from openai_coze._chunks import data
from openai_coze._exchange import Exchange
from openai_coze._files import client_of, file_of, form_of
from openai_coze._gate import while_there
from openai_coze._hub import Hub
from openai_coze._problems import Refused
from openai_coze._wrong import NUMBER, is_number, wrong

SpeechFormat = Literal["mp3", "wav", "pcm", "ogg_opus"]
# OpenAI's names of formats: Coze's name, and the media type.
_FORMATS: Final[dict[str, tuple[SpeechFormat, str]]] = {
    "mp3": ("mp3", "audio/mpeg"),
    "opus": ("ogg_opus", "audio/ogg"),
    "wav": ("wav", "audio/wav"),
    "pcm": ("pcm", "audio/pcm"),
}
_MOST: Final = 1024  # bytes of text that Coze says at once (protocol notes, section 6.8)
_LONGEST: Final = 4096  # characters, as with OpenAI
_SENTENCES: Final = re.compile(r"(?<=[.!?。！？；;\n])")
_RATE: Final = 24_000


async def speech(hub: Hub, exchange: Exchange) -> None:
    """Say a text.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: Coze did not say it.
        ValueError: A speed that cannot be.
        Refused: Something that cannot be said.
    """
    exchange.limit(hub.settings.limits.body, hub.settings.limits.reading, hub.room)
    body = await exchange.json()
    kind, media_type = _format(body)
    voice = _voice(body.get("voice"), hub.settings.voices)
    client = client_of(hub, exchange)
    parts = parts_of(_text(body))
    rate = _speed(body.get("speed"))

    async def say() -> None:
        wrapped = kind == "wav" and len(parts) > 1  # files of their own cannot be joined
        form = "pcm" if wrapped else kind
        async with aclosing(_said(client, parts, voice, form, rate)) as blocks:
            if wrapped:
                samples = b"".join([block async for block in blocks])
                await exchange.start(200, media_type)
                await exchange.write(playable(samples)[0], last=True)
                return
            first = await anext(blocks, b"")
            await exchange.start(200, media_type)
            await exchange.write(first)
            async for block in blocks:
                await exchange.write(block)
            await exchange.write(b"", last=True)

    await while_there(exchange, say())


async def _said(
    client: AsyncCozeClient, parts: list[str], voice: str, kind: SpeechFormat, speed: float | None
) -> AsyncGenerator[bytes, None]:
    for part in parts:
        spoken = client.audio.speech(
            part, voice_id=voice, response_format=kind, speed=speed, sample_rate=_RATE
        )
        async with spoken:
            async for block in spoken:
                yield block


def _format(body: Mapping[str, Any]) -> tuple[SpeechFormat, str]:
    wanted = body.get("response_format") or "mp3"
    if not isinstance(wanted, str) or wanted not in _FORMATS:
        raise Refused(
            wrong(
                "response_format", f"one of {', '.join(_FORMATS)}", f"是 {'、'.join(_FORMATS)} 之一"
            ),
            param="response_format",
        )
    if (body.get("stream_format") or "audio") != "audio":
        raise Refused(wrong("stream_format", "'audio'", "是 'audio'"), param="stream_format")
    return _FORMATS[wanted]


def _speed(value: Any) -> float | None:
    if value is not None and not is_number(value):
        raise Refused(wrong("speed", *NUMBER), param="speed")
    return None if value is None else float(value)


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("input")
    if not isinstance(text, str) or not text.strip():
        raise Refused(wrong("input", "the text to say", "是要朗读的文本"), param="input")
    if len(text) > _LONGEST:
        raise Refused(
            f"input may have {_LONGEST} characters / input 最多 {_LONGEST} 个字符", param="input"
        )
    return text


def _voice(wanted: Any, voices: Mapping[str, str]) -> str:
    name = wanted.get("id") if isinstance(wanted, Mapping) else wanted
    name = str(name or "default")
    if name in voices:
        return voices[name]
    if name.isdigit():
        return name
    if "default" in voices:
        return voices["default"]
    raise Refused(
        f"there is no voice {name!r}: give the id of a Coze voice, or name it in the gateway's "
        "settings under voices / 没有该音色：请使用扣子音色 ID 或在网关设置 voices 中配置",
        param="voice",
    )


def parts_of(text: str) -> list[str]:
    """Return a text in parts that Coze can say at once, cut between sentences where possible.

    Args:
        text: The text.

    Example:
        >>> parts_of("One. Two.")
        ['One. Two.']
    """
    parts: list[str] = [""]
    for sentence in _SENTENCES.split(text):
        for piece in _cut(sentence):
            joined = parts[-1] + piece
            if len(joined.encode("utf-8", "replace")) <= _MOST:
                parts[-1] = joined
            else:
                parts.append(piece)
    return [part for part in parts if part.strip()]


def _cut(sentence: str) -> list[str]:
    if len(sentence.encode("utf-8", "replace")) <= _MOST:
        return [sentence]
    size = _MOST // 4  # no character has more bytes
    return [sentence[start : start + size] for start in range(0, len(sentence), size)]


async def transcriptions(hub: Hub, exchange: Exchange) -> None:
    """Write down what is said in a recording.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: Coze did not take it.
        Refused: There is no recording, or a form that Coze has not.
    """
    async with form_of(hub, exchange) as form:
        wanted = str(form.get("response_format") or "json")
        if wanted not in {"json", "text"}:
            raise Refused(
                f"response_format {wanted!r} needs times, which Coze does not tell: "
                "use json or text / 扣子不提供时间信息，请使用 json 或 text",
                param="response_format",
            )
        name, content, _ = await file_of(form)
        streamed = form.get("stream") in {"true", "True", "1"}

        async def write_down() -> None:
            client: AsyncCozeClient = client_of(hub, exchange)
            heard = await client.audio.transcriptions.create((name, content))
            if streamed:
                await exchange.start(200, "text/event-stream; charset=utf-8")
                events = b"".join(
                    data({"type": kind, name: heard.text, "logprobs": []}, kind)
                    for kind, name in (
                        ("transcript.text.delta", "delta"),
                        ("transcript.text.done", "text"),
                    )
                )
                await exchange.write(events, last=True)
            elif wanted == "text":
                await exchange.start(200, "text/plain; charset=utf-8")
                await exchange.write(heard.text.encode("utf-8", "replace"), last=True)
            else:
                await exchange.answer({"text": heard.text})

        await while_there(exchange, write_down())
