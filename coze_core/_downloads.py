"""Replies that are files, blocking and awaiting, side by side (protocol notes, section 6.8).

A file is either whole or an error: a body that ends early never looks like a short file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread

from coze_core._bodies import AsyncBody, Body
from coze_core._call import Reply
from coze_core._drivers import AsyncDriver, SyncDriver
from coze_core._errors import (
    APIConnectionError,
    APITimeoutError,
    IncompleteStreamError,
    ProtocolError,
)
from coze_core._flow import Flow
from coze_core._unfinished import Unfinished

OpenFlow = Callable[[], Flow[Reply]]


class _Download:
    """What needs no I/O: what the reply says of itself, and whether all of it came."""

    def __init__(self, open: OpenFlow) -> None:
        self._make = open
        self._headers: dict[str, str] = {}
        self._log_id: str | None = None
        self._secret = ""
        self._begun = False
        self._closed = False
        self._received = 0

    @property
    def content_type(self) -> str:
        """The media type, such as `audio/mpeg`; `""` before the reply is open."""
        return self._headers.get("content-type", "")

    @property
    def log_id(self) -> str | None:
        """Coze's request id, or None before the reply is open."""
        return self._log_id

    def _opened(self, reply: Reply) -> object:
        self._headers = dict(reply.headers)
        self._log_id = reply.log_id
        self._secret = reply.secret
        if reply.stream is None:
            text = reply.body[:200].decode("utf-8", "replace").strip()
            error = ProtocolError(
                f"the server answered with something else than sound: {text!r}",
                status_code=reply.status_code,
                log_id=reply.log_id,
            )
            error.hide(self._secret)
            raise error
        return reply.stream

    def _begin(self) -> None:
        if self._begun or self._closed:
            raise RuntimeError("the sound can be taken once: ask for it again")
        self._begun = True

    def _check_whole(self) -> None:
        """Refuse a body that is shorter than it says; compressed ones count otherwise."""
        length = self._headers.get("content-length", "")
        if length.isdigit() and "content-encoding" not in self._headers:
            missing = int(length) - self._received
            if missing > 0:
                raise self._cut(f"{missing} bytes are missing")

    def _broken(self, error: APIConnectionError) -> APIConnectionError:
        error.hide(self._secret)
        if isinstance(error, APITimeoutError):
            error.log_id = error.log_id or self._log_id
            return error
        return self._cut(error.message)

    def _cut(self, cause: str) -> IncompleteStreamError:
        return IncompleteStreamError(
            f"the sound was cut after {self._received} bytes: {cause}",
            log_id=self._log_id,
            hint_en="Ask for it again; a proxy may limit the time or size of replies.",
            hint_zh="请重新请求；中间代理可能限制了响应时长或大小。",
        )


class Speech(_Download):
    """Speech as it comes: iterate over it for blocks of bytes, `read` it, or write it to a file.

    Nothing is sent before it is entered, iterated over, read or written.

    Raises:
        CozeError: On opening: the server refused.
        IncompleteStreamError: While reading, if not all of it comes.

    Example:
        >>> with client.audio.speech("Hello!", voice_id="7426") as speech:  # doctest: +SKIP
        ...     for block in speech:
        ...         player.write(block)
    """

    def __init__(self, driver: SyncDriver, open: OpenFlow) -> None:
        super().__init__(open)
        self._driver = driver
        self._body: Body | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> Body:
        if self._body is None:
            body = self._opened(self._driver.run(self._make()))
            if not isinstance(body, Body):
                raise TypeError("a blocking reply needs a blocking driver")
            self._body = body
            if self._closed:  # meanwhile, from another thread, which had no body to close
                body.close()
                raise self._cut("it was closed")
        return self._body

    def __iter__(self) -> Iterator[bytes]:
        self._begin()
        try:
            with contextlib.closing(self._blocks(self._open())) as blocks:
                yield from blocks
        finally:
            self.close()

    def _blocks(self, body: Body) -> Generator[bytes, None, None]:
        try:
            for block in body.blocks():
                self._received += len(block)
                yield block
        except APIConnectionError as error:
            raise self._broken(error) from error
        self._check_whole()

    def read(self) -> bytes:
        """Return all of it."""
        return b"".join(self)

    def write_to_file(self, file: str | os.PathLike[str]) -> Path:
        """Write all of it to a file, which appears under its name only when it is whole.

        Args:
            file: Where to; a file that is there already is replaced.

        Returns:
            The path.

        Raises:
            ValueError: If there is no such folder.
            CozeError: The server refused, or not all of it came.
        """
        with Unfinished(file) as part:
            for block in self:
                part.file.write(block)
        return part.path

    def close(self) -> None:
        """Close the connection; what has not come yet is lost."""
        self._closed = True
        if self._body is not None:
            self._body.close()


class AsyncSpeech(_Download):
    """Speech as it comes: iterate over it for blocks of bytes, `read` it, or write it to a file.

    Nothing is sent before it is entered, iterated over, read or written.

    Raises:
        CozeError: On opening: the server refused.
        IncompleteStreamError: While reading, if not all of it comes.

    Example:
        >>> async with client.audio.speech("Hello!", voice_id="7426") as speech:  # doctest: +SKIP
        ...     async for block in speech:
        ...         player.write(block)
    """

    def __init__(self, driver: AsyncDriver, open: OpenFlow) -> None:
        super().__init__(open)
        self._driver = driver
        self._body: AsyncBody | None = None
        self._taking: AsyncGenerator[bytes, None] | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _open(self) -> AsyncBody:
        if self._body is None:
            body = self._opened(await self._driver.run(self._make()))
            if not isinstance(body, AsyncBody):
                raise TypeError("an awaiting reply needs an awaiting driver")
            self._body = body
            if self._closed:  # meanwhile, by another task, which had no body to close
                await body.aclose()
                raise self._cut("it was closed")
        return self._body

    def __aiter__(self) -> Self:
        self._begin()
        self._taking = self._taken()
        return self

    async def __anext__(self) -> bytes:
        if self._taking is None:
            raise RuntimeError("iterate with `async for`")
        return await anext(self._taking)

    async def _taken(self) -> AsyncGenerator[bytes, None]:
        try:
            async with contextlib.aclosing(self._blocks(await self._open())) as blocks:
                async for block in blocks:
                    yield block
        finally:
            await self._close()

    async def _blocks(self, body: AsyncBody) -> AsyncGenerator[bytes, None]:
        try:
            async with contextlib.aclosing(body.blocks()) as blocks:
                async for block in blocks:
                    self._received += len(block)
                    yield block
        except APIConnectionError as error:
            raise self._broken(error) from error
        self._check_whole()

    async def read(self) -> bytes:
        """Return all of it."""
        async with contextlib.aclosing(self):
            return b"".join([block async for block in self])

    async def write_to_file(self, file: str | os.PathLike[str]) -> Path:
        """Write all of it to a file, which appears under its name only when it is whole.

        Args:
            file: Where to; a file that is there already is replaced.

        Returns:
            The path.

        Raises:
            ValueError: If there is no such folder.
            CozeError: The server refused, or not all of it came.
        """
        with Unfinished(file) as part:
            async with contextlib.aclosing(self):
                async for block in self:
                    await anyio.to_thread.run_sync(part.file.write, block)
        return part.path

    async def aclose(self) -> None:
        """Close the connection; what has not come yet is lost."""
        if self._taking is not None:
            # One that runs just now, in another task, ends when the body is closed.
            with contextlib.suppress(RuntimeError):
                await self._taking.aclose()
        await self._close()

    async def _close(self) -> None:
        self._closed = True
        if self._body is not None:
            await self._body.aclose()
