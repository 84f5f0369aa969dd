"""What writes an answer as it comes, in one of OpenAI's two forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from coze_core.dialog import Piece, Result


class Writer(Protocol):
    """Writes one answer as it comes."""

    @property
    def content_type(self) -> str:
        """The media type of what it writes."""

    def begin(self) -> bytes:
        """Return what comes before the first piece."""

    def pieces(self, pieces: Sequence[Piece]) -> bytes:
        """Return what one read of the network has brought."""

    def end(self, result: Result) -> bytes:
        """Return what comes after the last piece."""

    def failure(self, error: Mapping[str, Any]) -> bytes:
        """Return how an answer ends that cannot go on."""
