"""Media that has to be uploaded before it can be sent: each content once, and remembered."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from coze_core._endpoints import files
from coze_core._flow import Flow, exclusive
from coze_core._memo import Memo, Slot
from coze_core.dialog._history import Entry, Media
from coze_core.dialog._steps import DoAll, Talk, Work

# Coze keeps a file for three months (protocol notes, section 6.3); we trust that for one day, so
# that a process that runs for long does not send ids of files that somebody deleted.
_SECONDS: Final = 24 * 3600.0


def uploaded(entries: Sequence[Entry], memo: Memo) -> Talk[list[Entry]]:
    """Return the entries with every content in them replaced by the id of its upload.

    Args:
        entries: The entries.
        memo: The client's, which knows what was uploaded with its account.
    """
    media = [item for entry in entries for item in entry.media if item.data is not None]
    if not media:
        return list(entries)
    # Decoding and hashing megabytes is work that an event loop should not do.
    keyed: dict[tuple[str, str], bytes]
    keys: list[tuple[str, str]]
    keys, keyed = yield Work(lambda: _keyed(media))
    found: list[Any] = yield DoAll(
        tuple(_upload_once(key, content, memo) for key, content in keyed.items())
    )
    ids = dict(zip(keyed, found, strict=True))
    of_media = {id(item): ids[key] for item, key in zip(media, keys, strict=True)}
    return [_with_ids(entry, of_media) for entry in entries]


def _keyed(
    media: Sequence[Media],
) -> tuple[list[tuple[str, str]], dict[tuple[str, str], bytes]]:
    keys: list[tuple[str, str]] = []
    keyed: dict[tuple[str, str], bytes] = {}
    for item in media:
        content = _content(item)
        key = (hashlib.sha256(content).hexdigest(), item.name)
        keys.append(key)
        keyed.setdefault(key, content)
    return keys, keyed


def _content(item: Media) -> bytes:
    if callable(item.data):
        return item.data()
    if isinstance(item.data, bytes):
        return item.data
    try:
        return base64.b64decode(str(item.data), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the {item.kind} {item.name!r} is not valid base64: {error}") from error


def _upload_once(key: tuple[str, str], content: bytes, memo: Memo) -> Flow[str]:
    slot = memo.slot(("file", *key))
    if not memo.fresh(slot):
        # Whoever wants to send the same content meanwhile waits for this upload.
        yield from exclusive(slot, lambda: _upload(slot, key[1], content, memo))
    return str(slot.value)


def _upload(slot: Slot, name: str, content: bytes, memo: Memo) -> Flow[None]:
    if not memo.fresh(slot):
        file = yield from files.upload((name, content))
        memo.keep(slot, file.id, _SECONDS)


def _with_ids(entry: Entry, ids: dict[int, str]) -> Entry:
    if not any(item.data is not None for item in entry.media):
        return entry
    media = tuple(
        item if item.data is None else Media(item.kind, file_id=ids[id(item)], name=item.name)
        for item in entry.media
    )
    return replace(entry, media=media)
