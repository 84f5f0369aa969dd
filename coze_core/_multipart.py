"""The body of an upload: a form around a file that is read while it is sent.

The HTTP library's own forms read a whole file before they send it where it is awaited.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio.to_thread
import httpx

from coze_core._call import Upload
from coze_core._contents import Content

_FIELD: Final = "file"  # section 6.3


class _Form:
    """A form with one file.

    Attributes:
        headers: What kind of body it is, and how long.
    """

    def __init__(self, upload: Upload, content: Content) -> None:
        part: tuple[Any, ...] = (Path(upload.file_name).name or "file", b"")
        if upload.content_type:
            part = (*part, upload.content_type)
        # The library writes the form, of an empty file; a file stands behind all other fields.
        request = httpx.Request("POST", "https://x", data=dict(upload.fields), files={_FIELD: part})
        form, kind = request.read(), request.headers["Content-Type"]
        self._tail = b"\r\n--%s--\r\n" % kind.partition("boundary=")[2].encode("ascii")
        self._head = form.removesuffix(self._tail)
        self._content = content
        size = len(self._head) + content.size + len(self._tail)
        self.headers = {"Content-Type": kind, "Content-Length": str(size)}


class Form(_Form, httpx.SyncByteStream):
    """A form that is read by blocking."""

    def __iter__(self) -> Iterator[bytes]:
        self._content.rewind()  # an injected client may send it twice, to sign in for example
        yield self._head
        while piece := self._content.read():
            yield piece
        yield self._tail


class AsyncForm(_Form, httpx.AsyncByteStream):
    """A form that is read by awaiting: the event loop must not wait for a disk."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._content
        content.rewind()
        yield self._head
        while piece := (
            content.read() if content.in_memory else await anyio.to_thread.run_sync(content.read)
        ):
            yield piece
        yield self._tail


AnyForm: TypeAlias = Form | AsyncForm
