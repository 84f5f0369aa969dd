"""A body that tells what is still alive of its first half when the second is asked for."""

import gc
import uuid

import httpx
from wire import COMPLETED, CREATED, DONE, completed, delta

from coze_core import MessageDelta


class TwoReads(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Two hundred deltas in one read; `held` is how many of them are alive at the next."""

    def __iter__(self):
        word = uuid.uuid4().hex
        yield CREATED + delta("a") + delta("b")
        yield delta(word) * 200
        # Here the stream waits for the server.
        deltas = [thing for thing in gc.get_objects() if type(thing) is MessageDelta]
        self.held = sum(thing.content == word for thing in deltas)
        yield completed("") + COMPLETED + DONE

    async def __aiter__(self):
        for block in self:
            yield block


def answers(body):
    """A transport that answers with this body."""
    headers = {"content-type": "text/event-stream"}
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=body))
