"""Files that go with a message."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from coze_core._call import path_of
from coze_core._client import CozeClient
from coze_core._models import EnterMessage, MediaItem


def kind_of(path: Path) -> Literal["image", "audio", "file"]:
    """Return as what a file is sent, by its name."""
    known = (mimetypes.guess_type(path.name)[0] or "").partition("/")[0]
    return "image" if known == "image" else "audio" if known == "audio" else "file"


def checked(paths: Sequence[str]) -> list[Path]:
    """Return the paths.

    Raises:
        ValueError: If one of them is no file.
    """
    return [path_of(Path(path).expanduser()) for path in paths]


def message(client: CozeClient, text: str, paths: Sequence[Path]) -> EnterMessage:
    """Return a question, its files uploaded.

    Raises:
        CozeError: The server refused a file.
    """
    if not paths:
        return EnterMessage.user(text)
    items = [MediaItem(type=kind_of(path), file_id=client.files.upload(path).id) for path in paths]
    return EnterMessage.user([MediaItem(type="text", text=text), *items])
