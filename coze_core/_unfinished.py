"""A file that appears under its name only when it is whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


class Unfinished:
    """A file under another name, in the same folder, until its block is left without an error.

    Attributes:
        path: Where it will be; what is there stays until then.
        file: The open file.

    Raises:
        ValueError: If there is no such folder.
    """

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.path = Path(file)
        if not self.path.parent.is_dir():
            raise ValueError(f"there is no folder {str(self.path.parent)!r}")
        if self.path.is_dir():
            raise ValueError(f"{str(self.path)!r} is a folder: name a file in it")
        self._unfinished = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        self.file: BinaryIO

    def __enter__(self) -> Self:
        self.file = self._unfinished.open("xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.file.close()  # may have to say that the disk is full
            if error is None:
                self._unfinished.replace(self.path)
        finally:
            self._unfinished.unlink(missing_ok=True)
