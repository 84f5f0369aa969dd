"""How long to wait."""

from __future__ import annotations

from dataclasses import dataclass


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
                raise ValueError(f"the {name} timeout must be more than 0 seconds")

    @classmethod
    def of(cls, value: float | Timeouts | None) -> Timeouts:
        """Return timeouts from one number for every wait, or as given, or the defaults."""
        if value is None:
            return cls()
        if isinstance(value, Timeouts):
            return value
        return cls(value, value, value, value, max(value, cls().idle))
