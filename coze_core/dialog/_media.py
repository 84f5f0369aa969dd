"""Media as frameworks give them, and as they are given to frameworks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from coze_core.dialog._history import Media, MediaKind

# Coze knows a file by the suffix of its name.
_SUFFIXES: Final = {
    "image/jpeg": "jpg",
    "image/svg+xml": "svg",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "video/quicktime": "mov",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_USUAL: Final[dict[MediaKind, str]] = {"image": "png", "audio": "wav", "file": "bin"}


def medium(
    kind: MediaKind,
    *,
    url: str | None = None,
    file_id: str | None = None,
    data: bytes | str | Callable[[], bytes] | None = None,
    media_type: str | None = None,
    name: str | None = None,
    told: bool = False,
) -> Media:
    """Return an image, file or sound from what a framework has of it.

    Args:
        kind: What it is.
        url: A public address, or a `data:` URL.
        file_id: An upload of the same account.
        data: The content: bytes, base64 text, or a function that reads it when it is needed.
        media_type: Its media type, such as `image/png`.
        name: Its file name, if it has one.
        told: Whether it is only told of in words, as that of an answer is: then nothing is refused.

    Raises:
        ValueError: An address that Coze cannot fetch, or nothing at all.
    """
    if told:
        address = url or (None if data else file_id)
        return _mentioned(kind, address, data, name or _name(kind, media_type))
    if url is not None and url.startswith("data:"):
        head, comma, data = url.removeprefix("data:").partition(",")
        if not comma or not head.endswith(";base64"):
            raise ValueError("a data URL must hold base64: data:<media type>;base64,<content>")
        media_type, url = head.removesuffix(";base64").split(";")[0] or media_type, None
    if url is not None and not url.startswith(("https://", "http://")):
        raise ValueError(
            f"Coze cannot fetch {url[:80]!r}: give a public https address, or the content in base64"
        )
    if not any((url, file_id, data)):
        raise ValueError(f"the {kind} is empty: give it a url, a file_id or base64 content")
    if data is not None and not data:
        raise ValueError(f"the {kind} is empty")
    return Media(kind, url, file_id, data, name or _name(kind, media_type))


def _name(kind: MediaKind, media_type: str | None) -> str:
    known = (media_type or "").lower()
    suffix = _SUFFIXES.get(known) or known.partition("/")[2].removeprefix("x-") or _USUAL[kind]
    return f"{kind}.{suffix}"


def _mentioned(
    kind: MediaKind, address: str | None, data: bytes | str | Callable[[], bytes] | None, name: str
) -> Media:
    if address is not None and not address.startswith("data:"):
        return Media(kind, address, name=name)
    content = data or address
    return Media(kind, data=content, name=name) if content else Media(kind, name, name=name)
