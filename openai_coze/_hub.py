"""What all requests of one worker have in common."""

from __future__ import annotations

from typing import Any

from openai_coze._access import Access, Clients
from openai_coze._health import Health
from openai_coze._observe import Observers
from openai_coze._problems import Refused
from openai_coze._request import check_model
from openai_coze._room import Room
from openai_coze._settings import Settings


class Hub:
    """What all requests of one worker have in common.

    Attributes:
        settings: What the gateway was told.
        clients: The clients.
        access: Who may do what.
        health: Which bots are well.
        observers: Who is told of each request.
        room: Where the bodies of requests are held.
        running: How many requests are at work.
    """

    def __init__(self, settings: Settings, transport: Any = None) -> None:
        for model in settings.models:
            check_model(model)
        self.settings = settings
        self.clients = Clients(settings, transport)
        self.access = Access(settings, self.clients)
        self.health = Health()
        self.observers = Observers(settings)
        self.room = Room(settings.limits.room)
        self.running = 0

    def __enter__(self) -> None:
        """Take one more request on.

        Raises:
            Refused: There are too many.
        """
        if self.running >= self.settings.limits.running:
            raise Refused(
                "too many requests at once: come again in a moment / 并发请求过多，请稍后再试",
                status=503,
                code="overloaded",
                retry_after=1,
            )
        self.running += 1

    def __exit__(self, *_: object) -> None:
        self.running -= 1
