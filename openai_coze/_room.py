"""How much of all requests one worker has in memory at once."""

from __future__ import annotations

from openai_coze._problems import Refused


class Room:
    """The bytes of bodies that are being read, or have been and are not answered yet.

    What has come is counted, not what a head says is to come: else a few callers who send nothing
    could keep out all others.

    Args:
        most: How many bytes there may be.

    Attributes:
        most: The same.
        held: How many there are.
    """

    def __init__(self, most: int) -> None:
        self.held = 0
        self.most = most

    def check(self, size: int) -> None:
        """Refuse what has no room now.

        Args:
            size: Bytes.

        Raises:
            Refused: There is not as much room.
        """
        if self.held + size > self.most:
            raise Refused(
                "too many large requests at once: come again in a moment / 大请求过多，请稍后再试",
                status=503,
                code="overloaded",
                retry_after=1,
            )

    def take(self, size: int) -> None:
        """Make room for a piece of a body.

        Args:
            size: Its bytes.

        Raises:
            Refused: There is not as much room.
        """
        self.check(size)
        self.held += size

    def give_back(self, size: int) -> None:
        """Give back what a request has taken.

        Args:
            size: Its bytes.
        """
        self.held -= size
