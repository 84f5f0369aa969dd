"""Files (protocol notes, section 6.3)."""

from __future__ import annotations

import os
from pathlib import Path

from coze_core._call import Call, FileInput, Upload, path_of
from coze_core._contents import Borrowed, Held, check_size, open_path
from coze_core._endpoints._checks import check_id
from coze_core._flow import Flow, send
from coze_core._models import File


def upload(file: FileInput) -> Flow[File]:
    """Upload a file, to be used in messages.

    Args:
        file: A path, bytes, an open binary file, or `(name, bytes)` or
            `(name, bytes, media type)`. A file may have 512 MB. It is read piece by piece while it
            is sent; what cannot be read twice goes into a temporary file first, for another
            attempt. An open file stays where it was.

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
        name, content, kind = _parts(file)
        check_size(len(content))
        return Upload(_sendable(name), lambda: Held(content), kind)
    if isinstance(file, bytes):
        check_size(len(file))
        return Upload("file", lambda: Held(file))
    if isinstance(file, str | os.PathLike):
        path = path_of(file)
        check_size(path.stat().st_size)
        return Upload(_sendable(path.name), lambda: open_path(path))
    if hasattr(file, "read"):
        name = Path(str(getattr(file, "name", "file"))).name
        return Upload(_sendable(name), Borrowed(file).open)
    raise TypeError(
        f"file must be a path, bytes, an open binary file or (name, bytes), "
        f"not {type(file).__name__}"
    )


def _parts(file: tuple[object, ...]) -> tuple[str, bytes, str | None]:
    name, content, kind = (*file, None, None, None)[:3]
    if (
        len(file) not in {2, 3}
        or not isinstance(name, str)
        or not isinstance(content, bytes)
        or not isinstance(kind, str | None)
    ):
        raise TypeError(
            "file must be (name, bytes) or (name, bytes, media type), the name and the type as text"
        )
    # It becomes a line of the request: a line end in it would begin another.
    if kind is not None and not (kind.isascii() and kind.isprintable()):
        raise ValueError(f"{kind[:80]!r} is no media type: give one such as 'image/png'")
    return name, content, kind


def _sendable(name: str) -> str:
    """Return a name without those bytes of a file system that are no text."""
    return name.encode("utf-8", "replace").decode()
