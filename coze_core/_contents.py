"""What is uploaded, read piece by piece: no file has to fit into the memory.

The length of a request is told before its body, so it is settled when a content is opened. What
others append to a file meanwhile is left out, and a file that gets shorter is an error.
"""

from __future__ import annotations

import io
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, Protocol

MOST_BYTES: Final = 512 * 1024 * 1024  # section 6.3
PIECE: Final = 256 * 1024  # bytes that are read at once
_IN_MEMORY: Final = 1024 * 1024  # bytes of a copy, beyond which it goes to the disk
# Several uploads may read one open file, which has one position.
_LOCKS: Final[weakref.WeakKeyDictionary[object, threading.Lock]] = weakref.WeakKeyDictionary()
_GUARD: Final = threading.Lock()


class Content(Protocol):
    """What one attempt to send an upload reads.

    Attributes:
        size: How many bytes there are.
        in_memory: Whether reading never waits for a disk.
    """

    size: int
    in_memory: bool

    def rewind(self) -> None:
        """Begin anew."""

    def read(self) -> bytes:
        """Return the next piece; `b""` at the end.

        Raises:
            ValueError: If the file has become shorter.
        """

    def close(self) -> None:
        """Let go of it; may be called more than once."""


class Held:
    """Bytes that are in memory already."""

    in_memory = True

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content
        self._at = 0

    def rewind(self) -> None:
        """Begin anew."""
        self._at = 0

    def read(self) -> bytes:
        """Return the next piece."""
        piece = self._content[self._at : self._at + PIECE]
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Do nothing."""


class Filed:
    """An open file from where it stood, which it is put back to after each read.

    Args:
        file: The file.
        name: What errors call it.
        start: Where its content begins.
        size: How long it is.
        close: Called in the end.
    """

    in_memory = False

    def __init__(
        self, file: IO[bytes], name: str, start: int, size: int, close: Callable[[], None]
    ) -> None:
        self.size = size
        self._close = close
        self._file = file
        self._name = name
        self._start = start
        self._at = 0

    def rewind(self) -> None:
        """Begin anew."""
        self._at = 0

    def read(self) -> bytes:
        """Return the next piece.

        Raises:
            ValueError: If the file has become shorter.
        """
        wanted = min(PIECE, self.size - self._at)
        with _lock_of(self._file):
            self._file.seek(self._start + self._at)
            piece = self._file.read(wanted)
            self._file.seek(self._start)
        if len(piece) < wanted:
            raise ValueError(
                f"{self._name!r} has become shorter while it was sent / 文件在上传过程中被截短"
            )
        self._at += wanted
        return piece

    def close(self) -> None:
        """Let go of the file."""
        self._close()


def open_path(path: Path) -> Content:
    """Open a file by its path.

    Raises:
        ValueError: If it is empty or too large.
        OSError: If it cannot be opened.
    """
    file = path.open("rb")
    try:
        size = check_size(os.fstat(file.fileno()).st_size)
    except BaseException:
        file.close()
        raise
    return Filed(file, str(path), 0, size, file.close)


class Borrowed:
    """The caller's open file; each attempt to send it begins where it stands now.

    What cannot be read twice, or only slowly, is copied first.

    Args:
        file: The file, or anything else that has `read`.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._name = str(getattr(file, "name", "file"))
        seekable = getattr(file, "seekable", None)
        self._start: int | None = None
        if seekable is not None and seekable():
            with _lock_of(file):  # elsewhere while another upload reads a piece of it
                self._start = file.tell()
        self._copy: IO[bytes] | None = None

    def open(self) -> Content:
        """Open it.

        Raises:
            TypeError: If it is not a binary file.
            ValueError: If it is empty or too large.
        """
        if self._start is not None and _is_quick(self._file):
            with _lock_of(self._file):
                size = self._file.seek(0, os.SEEK_END) - self._start
                self._file.seek(self._start)
            return Filed(self._file, self._name, self._start, check_size(size), _leave)
        if self._copy is None:
            self._copy = self._copied()
        size = self._copy.seek(0, os.SEEK_END)
        return Filed(self._copy, self._name, 0, size, _leave)

    def _copied(self) -> IO[bytes]:
        import tempfile  # with its own imports it is slow to load, and few need it

        copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - see below
        weakref.finalize(self, copy.close)  # it is there for all attempts
        if self._start is None:
            _copy(self._file, copy)
        else:
            with _lock_of(self._file):
                self._file.seek(self._start)
                _copy(self._file, copy)
                self._file.seek(self._start)
        check_size(copy.tell())
        return copy


def _copy(file: Any, copy: IO[bytes]) -> None:
    while (piece := file.read(PIECE)) != b"":
        if not isinstance(piece, bytes):
            raise TypeError("open the file in binary mode: open(path, 'rb')")
        copy.write(piece)
        check_size(copy.tell())


def _is_quick(file: Any) -> bool:
    """Whether this is a file in memory or on a disk; others may have to unpack it all to seek."""
    inner = getattr(file, "file", file)  # a temporary file's
    return isinstance(inner, io.BytesIO) or isinstance(getattr(inner, "raw", inner), io.FileIO)


def _lock_of(file: object) -> threading.Lock:
    try:
        with _GUARD:
            return _LOCKS.setdefault(file, threading.Lock())
    except TypeError:  # an object of the caller's own that cannot be looked up
        return threading.Lock()


def _leave() -> None:
    """Close nothing: it is somebody else's."""


def check_size(size: int) -> int:
    """Return the size of a file.

    Raises:
        ValueError: If Coze would refuse it.
    """
    if not size:
        raise ValueError("the file is empty")
    if size > MOST_BYTES:
        raise ValueError(f"the file has {size} bytes; Coze takes {MOST_BYTES} at most")
    return size
