"""A text that grows piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MOST_PIECES: Final = 1024  # that lie side by side


class JoinedPieces(list[str]):
    """The pieces of a text.

    Each costs many times its text, so those that have come are joined now and then; each of them
    once, or the work would grow with the square of the text.
    """

    __slots__ = ("full",)

    def __init__(self, pieces: Iterable[str] = ()) -> None:
        super().__init__(pieces)
        self.full = _MOST_PIECES

    def join(self) -> None:
        """Join the pieces that are not joined yet."""
        begun = self.full - _MOST_PIECES
        self[begun:] = ["".join(self[begun:])]
        self.full = len(self) + _MOST_PIECES
