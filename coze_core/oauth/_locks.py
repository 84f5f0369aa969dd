"""Locks on files: between processes, and gone with the process that holds one."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

T = TypeVar("T")

_BUSY_SECONDS: Final = 2.0  # that a file may be in somebody's way
_LOOK_AGAIN: Final = 0.01

if sys.platform == "win32":
    import msvcrt

    def lock(file: BinaryIO) -> None:
        """Lock an open file.

        Raises:
            BlockingIOError: If another process has it.
        """
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError("another process holds the lock") from error

    def unlock(file: BinaryIO) -> None:
        """Let go of an open file that was locked."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def lock(file: BinaryIO) -> None:
        """Lock an open file.

        Raises:
            BlockingIOError: If somebody else has it.
        """
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def unlock(file: BinaryIO) -> None:
        """Let go of an open file that was locked, also where a forked process has it open."""
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def lock_within(seconds: float, file: BinaryIO) -> None:
    """Lock an open file as soon as nobody else has it.

    Raises:
        BlockingIOError: If somebody has it for all that time, such as a process that was stopped.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            lock(file)
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise
        else:
            return
        time.sleep(_LOOK_AGAIN)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of files to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems do not sync folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(new: Path, path: Path) -> None:
    """Put a new version of a file in the place of the old one."""
    _patiently(lambda: new.replace(path))


def read_whole(path: Path) -> bytes:
    """Read a file that is replaced by others meanwhile."""
    return _patiently(path.read_bytes)


def _patiently(work: Callable[[], T]) -> T:
    # Windows replaces no file that somebody has open, and opens none that is being replaced: both
    # take an instant, and both look like a missing permission. Elsewhere a permission is missing.
    ends = time.monotonic() + (_BUSY_SECONDS if sys.platform == "win32" else 0.0)
    while True:
        try:
            return work()
        except PermissionError:
            if time.monotonic() >= ends:
                raise
        time.sleep(_LOOK_AGAIN)
