"""Files (protocol notes, section 6.3)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from coze_core._call import Call, FileInput, Upload, path_of
from coze_core._endpoints._checks import check_id
from coze_core._flow import Flow, send
from coze_core._models import File

_MAX_BYTES: Final = 512 * 1024 * 1024


def upload(file: FileInput) -> Flow[File]:
    """Upload a file, to be used in messages.

    Args:
        file: A path, bytes, an open binary file, or `(name, bytes)` or
            `(name, bytes, media type)`. A file may have 512 MB.

    Returns:
        The file; its id goes into a `MediaItem`. Coze keeps it for three months.

    Raises:
        TypeError: Something else than a file.
        ValueError: An empty, missing or too large file.
        CozeError: The server refused.

    Example:
        >>> client.files.upload("cat.png").id  # doctest: +SKIP

    Protocol: section 6.3.
    """
    # An upload sent twice leaves a second file behind, which nobody refers to.
    call = Call("POST", "/v1/files/upload", upload=upload_of(file), repeatable=True)
    return (yield from send(call)).read(File)


def retrieve(*, file_id: str) -> Flow[File]:
    """Return what is known of an uploaded file; not its content.

    Args:
        file_id: The file.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.files.retrieve(file_id="7369")  # doctest: +SKIP

    Protocol: section 6.3.
    """
    query = {"file_id": check_id("file_id", file_id)}
    call = Call("GET", "/v1/files/retrieve", query=query, repeatable=True)
    return (yield from send(call)).read(File)


def upload_of(file: FileInput) -> Upload:
    """Return a file as it goes on the wire.

    Raises:
        TypeError: Something else than a file.
        ValueError: An empty, missing or too large file.
    """
    if isinstance(file, tuple):
        name, content, *rest = file
        _check_size(len(content))
        return Upload(name, lambda: content, rest[0] if rest else None)
    if isinstance(file, bytes):
        _check_size(len(file))
        return Upload("file", lambda: file)
    if isinstance(file, str | os.PathLike):
        path = path_of(file)
        _check_size(path.stat().st_size)
        return Upload(path.name, lambda: path.open("rb"))
    if hasattr(file, "read"):
        return Upload(Path(str(getattr(file, "name", "file"))).name, _rereadable(file))
    raise TypeError(
        f"file must be a path, bytes, an open binary file or (name, bytes), "
        f"not {type(file).__name__}"
    )


def _rereadable(file: BinaryIO) -> Callable[[], bytes]:
    """Return what reads the caller's file from where it stands now, each time."""
    start = file.tell() if file.seekable() else None
    kept: list[bytes] = []

    def read() -> bytes:
        if start is not None:
            file.seek(start)
            content = file.read()
        else:
            if not kept:
                kept.append(file.read())
            content = kept[0]
        if not isinstance(content, bytes):
            raise TypeError("open the file in binary mode: open(path, 'rb')")
        _check_size(len(content))
        return content

    return read


def _check_size(size: int) -> None:
    if not size:
        raise ValueError("the file is empty")
    if size > _MAX_BYTES:
        raise ValueError(f"the file has {size} bytes; Coze takes {_MAX_BYTES} at most")
