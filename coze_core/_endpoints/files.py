"""Files (protocol notes, section 6.3)."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, cast

from coze_core._call import Call, FileInput, Upload, path_of
from coze_core._endpoints._checks import check_id
from coze_core._flow import Flow, send
from coze_core._models import File

_MAX_BYTES: Final = 512 * 1024 * 1024


def upload(file: FileInput) -> Flow[File]:
    """Upload a file, to be used in messages.

    Args:
        file: A path, bytes, an open binary file, or `(name, bytes)` or
            `(name, bytes, media type)`. A file may have 512 MB. `CozeClient` reads a path while it
            sends it, everything else is read before; an open file stays where it was.

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
        _check_size(len(content))
        return Upload(_sendable(name), lambda: content, kind)
    if isinstance(file, bytes):
        _check_size(len(file))
        return Upload("file", lambda: file)
    if isinstance(file, str | os.PathLike):
        path = path_of(file)
        _check_size(path.stat().st_size)
        return Upload(_sendable(path.name), lambda: cast("BinaryIO", _SteadyFile(path)))
    if hasattr(file, "read"):
        name = Path(str(getattr(file, "name", "file"))).name
        return Upload(_sendable(name), _rereadable(file))
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


class _SteadyFile(io.RawIOBase):
    """A file as long as it was when it was opened: the length of a request is told in advance.

    What others append meanwhile is left out, and a file that gets shorter is an error. It has no
    descriptor, by which an HTTP library would find another length.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._size = os.fstat(self._file.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = self._size - self._file.tell()
        wanted = left if size is None or size < 0 else min(size, left)
        content = self._file.read(wanted)
        if len(content) < wanted:
            raise ValueError(
                f"{self._file.name!r} has become shorter while it was sent / 文件在上传过程中被截短"
            )
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        end = whence == os.SEEK_END
        return self._file.seek(self._size + offset if end else offset, 0 if end else whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def _rereadable(file: BinaryIO) -> Callable[[], bytes]:
    """Return what reads the caller's file from where it stands now, each time."""
    seekable = getattr(file, "seekable", None)
    start = file.tell() if seekable is not None and seekable() else None
    kept: list[bytes] = []

    def read() -> bytes:
        if start is not None:
            file.seek(start)
            content = file.read()
            file.seek(start)  # a tool that has it for an input sends it with each of its calls
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
