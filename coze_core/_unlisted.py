"""Asynchronous generators that an event loop does not list.

A loop that ends closes all generators that it has listed at the same time. Of two, one inside the
other, it then finds one at work already and reports an error. So only the outermost is listed;
whoever closes that one closes the others in order.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def _no_list() -> Iterator[None]:
    """Let the generators that begin now have a finalizer, but no entry in the list."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=hooks.finalizer)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)


@types.coroutine
def unlisted(work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Await something; generators that begin in it, other libraries' too, are not listed.

    Args:
        work: What to await.
    """
    sent: Any = None
    thrown: BaseException | None = None
    while True:
        try:
            with _no_list():
                wanted = work.send(sent) if thrown is None else work.throw(thrown)
        except StopIteration as stop:
            result: T = stop.value
            return result
        sent, thrown = None, None
        try:
            sent = yield wanted
        except BaseException as error:  # noqa: BLE001 - it is the work's to handle, all of it
            thrown = error


class Unlisted(AsyncGenerator[T, None]):
    """An asynchronous generator that is not listed.

    Args:
        generator: The generator; nobody else may begin it.
    """

    __slots__ = ("_begun", "_generator")

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator
        self._begun = False

    def __aiter__(self) -> Unlisted[T]:
        return self

    def __anext__(self) -> Coroutine[Any, Any, T]:
        if self._begun:
            return self._generator.__anext__()
        self._begun = True
        with _no_list():
            return self._generator.__anext__()

    def asend(self, value: None) -> Coroutine[Any, Any, T]:
        """Go on; generators of ours take no values."""
        with _no_list():
            return self._generator.asend(value)

    def athrow(self, *error: Any) -> Coroutine[Any, Any, T]:
        """Raise an error within the generator."""
        with _no_list():
            return self._generator.athrow(*error)

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Close the generator."""
        with _no_list():
            return self._generator.aclose()
