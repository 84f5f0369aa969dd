"""OpenAI's chat messages as entries of a history; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from coze_core.dialog import CallEntry, Entry, Media, medium
from openai_coze._problems import Refused
from openai_coze._wrong import LIST, OBJECT, TEXT, wrong

_TEXTS: Final = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}


def entries_of(messages: Any) -> list[Entry]:
    """Return a history as the planner takes it.

    Args:
        messages: The field `messages` of a request.

    Raises:
        Refused: A message that cannot be sent.
    """
    if not isinstance(messages, list) or not messages:
        raise Refused(
            wrong("messages", "a list with at least one message", "是至少含一条消息的列表"),
            param="messages",
        )
    return instructed_last(
        [_entry(message, f"messages[{place}]") for place, message in enumerate(messages)]
    )


def instructed_last(entries: list[Entry]) -> list[Entry]:
    """Take an instruction after the last answer as the question: it is what is asked for."""
    if entries and entries[-1].role == "system":
        said = [entry for entry in entries if entry.role != "system"]
        if said and said[-1].role == "assistant":
            return [*entries[:-1], Entry("user", entries[-1].text)]
    return entries


def _entry(message: Any, where: str) -> Entry:
    if not isinstance(message, Mapping):
        raise Refused(wrong(where, *OBJECT), param=where)
    role = role_of(message, where)
    text, media = words_of(message.get("content"), f"{where}.content")
    if role in {"system", "developer"}:
        if media:
            raise Refused(
                f"a {role} message cannot hold an image or a file: put it into a user message / "
                f"{role} 消息不能包含图片或文件，请放入 user 消息",
                param=where,
            )
        return Entry("system", text)
    if role == "user":
        return Entry("user", text, media=media)
    if role == "assistant":
        marker = message.get("coze")
        calls = calls_of(message.get("tool_calls"), f"{where}.tool_calls")
        kept = marker if isinstance(marker, Mapping) else None
        return Entry("assistant", text, kept, calls, media=media)
    if role == "tool":
        return Entry("tool", text, tool_call_id=str(message.get("tool_call_id") or ""), media=media)
    raise Refused(
        wrong(
            f"{where}.role",
            f"system, developer, user, assistant or tool, not {role[:80]!r}",
            "是 system、developer、user、assistant 或 tool",
        ),
        param=f"{where}.role",
    )


def role_of(message: Mapping[str, Any], where: str) -> str:
    """Return who says a message.

    Args:
        message: The message.
        where: What to call it in an error.

    Raises:
        Refused: It is no text.
    """
    role = message.get("role")
    if not isinstance(role, str):
        raise Refused(wrong(f"{where}.role", *TEXT), param=f"{where}.role")
    return role


def calls_of(calls: Any, where: str) -> tuple[CallEntry, ...]:
    """Return the calls that an assistant made.

    Args:
        calls: The field `tool_calls` of a message.
        where: What to call it in an error.

    Raises:
        Refused: Something that is no call.
    """
    if calls is not None and not isinstance(calls, list):
        raise Refused(wrong(where, *LIST), param=where)
    found: list[CallEntry] = []
    for call in calls or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise Refused(wrong(where, "calls of functions", "是函数调用的列表"), param=where)
        arguments = arguments_of(function.get("arguments"), where)
        found.append(CallEntry(str(call.get("id") or ""), function["name"], arguments))
    return tuple(found)


def arguments_of(value: object, where: str) -> str:
    """Return the arguments of a call, which some programs send as an object.

    Args:
        value: The field `arguments` of a call.
        where: What to call it in an error.

    Raises:
        Refused: It is neither text nor an object.
    """
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str | None):
        raise Refused(
            wrong(f"{where}: arguments", "text that holds JSON", "是 JSON 字符串"), param=where
        )
    return value or ""


def words_of(content: Any, where: str) -> tuple[str, tuple[Media, ...]]:
    """Return the text and the media of a message.

    Args:
        content: Its content: text, or a list of parts.
        where: What to call it in an error.

    Raises:
        Refused: A part that cannot be sent.
    """
    if content is None:
        return "", ()
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, Sequence):
        raise Refused(
            wrong(where, "text or a list of parts", "是字符串或内容片段列表"), param=where
        )
    texts: list[str] = []
    media: list[Media] = []
    for place, part in enumerate(content):
        _take(part, f"{where}[{place}]", texts, media)
    return "\n".join(filter(None, texts)), tuple(media)


def _take(part: Any, where: str, texts: list[str], media: list[Media]) -> None:
    if isinstance(part, str):
        texts.append(part)
        return
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(kind, str):
        raise Refused(wrong(where, "an object with a type", "是带 type 的对象"), param=where)
    if kind in _TEXTS:
        text = part.get(_TEXTS[kind])
        if not isinstance(text, str | None):
            raise Refused(wrong(f"{where}.{_TEXTS[kind]}", *TEXT), param=where)
        texts.append(text or "")
    elif kind in _MEDIA:
        try:
            media.append(_MEDIA[kind](part))
        except ValueError as error:
            raise Refused(str(error), param=where) from error
    else:
        raise Refused(
            f"{where} is of type {kind[:80]!r}; Coze takes text, image_url, input_audio and file / "
            f"{where} 的类型不受支持：扣子接收 text、image_url、input_audio 与 file",
            param=where,
        )


# -- the ways to write an image, a sound or a file


def _image_url(part: Mapping[str, Any]) -> Media:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return medium("image", url=_text(url), file_id=_text(part.get("file_id")))


def _video_url(part: Mapping[str, Any]) -> Media:
    video = part.get("video_url")
    return medium("file", url=_text(video.get("url") if isinstance(video, Mapping) else video))


def _input_audio(part: Mapping[str, Any]) -> Media:
    audio = part.get("input_audio")
    audio = audio if isinstance(audio, Mapping) else part
    form = _text(audio.get("format"))
    media_type = f"audio/{form}" if form else None
    return medium("audio", data=_text(audio.get("data")), media_type=media_type)


def _file(part: Mapping[str, Any]) -> Media:
    file = part.get("file")
    file = file if isinstance(file, Mapping) else part
    data = _text(file.get("file_data"))
    url = _text(file.get("file_url"))
    if data is not None and data.startswith("data:"):
        url, data = data, None
    name = _text(file.get("filename"))
    return medium("file", url=url, file_id=_text(file.get("file_id")), data=data, name=name)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


_MEDIA: Final[dict[str, Callable[[Mapping[str, Any]], Media]]] = {
    "image_url": _image_url,
    "input_image": _image_url,
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _file,
    "video_url": _video_url,
}
