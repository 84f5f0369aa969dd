"""How long to wait."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Protocol, TypeAlias, runtime_checkable


@runtime_checkable
class SomeTimeout(Protocol):
    """The bounds on waiting of an HTTP library, in seconds or None."""

    @property
    def connect(self) -> float | None:
        """To reach the server."""

    @property
    def read(self) -> float | None:
        """Between two reads."""

    @property
    def write(self) -> float | None:
        """To hand over a piece."""

    @property
    def pool(self) -> float | None:
        """For a free connection."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds on waiting, in seconds.

    Attributes:
        connect: To reach the server.
        read: Between two reads of a reply: the longest silence in a stream.
        write: To hand over a piece of the request.
        pool: For a free connection.
        idle: How long a stream may live on heartbeats alone, with nothing said.
    """

    connect: float = 10.0
    read: float = 120.0
    write: float = 60.0
    pool: float = 60.0
    idle: float = 600.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"the {name} timeout must be more than 0 seconds / 超时时间必须大于 0 秒"
                )

    @classmethod
    def of(cls, value: float | Timeouts | SomeTimeout | None) -> Timeouts:
        """Return timeouts from one number for every wait, or as given, or the defaults.

        Args:
            value: Seconds, `Timeouts`, or what an HTTP library has in its place, `httpx.Timeout`:
                where that is None, there is no bound.

        Raises:
            TypeError: Something else.
            ValueError: A time that cannot pass.
        """
        if value is None:
            return cls()
        if isinstance(value, Timeouts):
            return value
        if isinstance(value, int | float):
            return cls(value, value, value, value, max(value, cls().idle))
        if isinstance(value, SomeTimeout):
            told = (value.connect, value.read, value.write, value.pool)
            connect, read, write, pool = (math.inf if wait is None else wait for wait in told)
            # Heartbeats may go on for no less than silence.
            return cls(connect, read, write, pool, max(read, cls().idle))
        raise TypeError(
            f"timeout must be seconds, Timeouts or httpx.Timeout, not {type(value).__name__}"
        )


def without_library(value: object) -> object:
    """Return an HTTP library's timeout as `Timeouts`, which can be stored; all else as it is."""
    return Timeouts.of(value) if isinstance(value, SomeTimeout) else value


JsonSeconds: TypeAlias = float | str | None


def seconds_in_json(value: float | None) -> JsonSeconds:
    """Return seconds as they are written in JSON, which has no number for "no bound".

    The text is what reads as that number again.
    """
    if value is None:
        return None
    return "Infinity" if value == math.inf else float(value)


def timeout_in_json(value: float | Timeouts | None) -> JsonSeconds | dict[str, JsonSeconds]:
    """Return a timeout as it is written in JSON; see `seconds_in_json`."""
    if not isinstance(value, Timeouts):
        return seconds_in_json(value)
    return {name: seconds_in_json(seconds) for name, seconds in asdict(value).items()}
