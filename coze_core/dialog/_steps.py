"""What a dialogue asks to be done, step by step; see docs/decisions/0003-dialogues.md.

A `Talk` is a generator like a `Flow`, one floor up: it yields these steps, is sent what came of
them, and returns its result. It does no I/O, so the sync and the async driver run the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from coze_core._flow import Flow
from coze_core._stream_request import StreamRequest
from coze_core._turn import Turn
from coze_core.dialog._listen import Listener
from coze_core.dialog._pieces import Piece

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Do:
    """Run this flow and send me its result."""

    flow: Flow[Any]


@dataclass(frozen=True, slots=True)
class DoAll:
    """Run these flows, beside each other where that is possible, and send me their results."""

    flows: tuple[Flow[Any], ...]


@dataclass(frozen=True, slots=True)
class Work:
    """Call this, which takes a while without waiting for anything, and send me what it returns."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Listen:
    """Open this stream, hand out what the listener makes of it, and send me the turn."""

    request: StreamRequest
    listener: Listener


@dataclass(frozen=True, slots=True)
class HandOut:
    """Hand out these pieces."""

    pieces: list[Piece]


Step: TypeAlias = Do | DoAll | Work | Listen | HandOut
Talk: TypeAlias = Generator[Step, Any, T]


def do(flow: Flow[T]) -> Talk[T]:
    """Run a flow."""
    return cast("T", (yield Do(flow)))


def listen(request: StreamRequest, listener: Listener) -> Talk[Turn]:
    """Stream a chat."""
    return cast("Turn", (yield Listen(request, listener)))
