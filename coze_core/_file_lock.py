"""A conversation lock for several workers on one machine: a file for each conversation."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

from coze_core.oauth._locks import lock


class FileConversationLock:
    """Keeps other processes of this machine out of a conversation; ends with its process.

    Args:
        folder: Where the lock files are kept; the same for all workers, on a local disk.

    Example:
        >>> lock = FileConversationLock("/run/lock/coze")  # doctest: +SKIP
        >>> client = CozeClient(conversation_lock=lock)  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._begin()

    def _begin(self) -> None:
        self._files: dict[str, BinaryIO] = {}
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        return f"FileConversationLock({str(self.folder)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.folder = state["folder"]
        self._begin()

    def try_acquire(self, key: str) -> bool:
        """Take a conversation; False if another worker has it.

        Args:
            key: The conversation.

        Raises:
            OSError: If the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(key)
        file = path.open("ab")
        try:
            lock(file)
            taken = _is_still(file, path)  # not if whoever had it has removed the file meanwhile
        except BlockingIOError:
            taken = False
        except BaseException:
            file.close()
            raise
        if not taken:
            file.close()
            return False
        with self._guard:
            self._files[key] = file
        return True

    def release(self, key: str) -> None:
        """Give a conversation back.

        Args:
            key: The conversation.
        """
        with self._guard:
            file = self._files.pop(key, None)
        if file is None:
            return
        # Removed while it is locked, so that no two workers lock two files of the same name; some
        # systems do not remove open files, and keep an empty one.
        with contextlib.suppress(OSError):
            self._path(key).unlink()
        file.close()

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock"


def _is_still(file: BinaryIO, path: Path) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(file.fileno())
    return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)
