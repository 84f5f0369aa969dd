"""The binding table of version 2: which operation is which method, on each client."""

from __future__ import annotations

from coze_core import _v2 as v2
from coze_core._binding import awaiting, blocking
from coze_core._resources import AsyncChats, Chats


class V2Chats(Chats):
    """Chats of the old version 2, where one request brings the whole answer."""

    create_and_poll = blocking(v2.create_and_poll)


class AsyncV2Chats(AsyncChats):
    """Chats of the old version 2, where one request brings the whole answer."""

    create_and_poll = awaiting(v2.create_and_poll)
