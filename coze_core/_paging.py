"""Lists that come in pages, in each of the styles that the API has (protocol notes, section 6).

A `Pages` is pure: it says which call comes next and takes the reply. The two pagers at the end
walk it, one in each flavour, and fetch a page only when it is needed.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from coze_core._call import Call, Reply
from coze_core._flow import Flow, send
from coze_core._values import whole_number

if TYPE_CHECKING:
    from coze_core._models import WireModel

_LOG: Final = logging.getLogger("coze_core")
M = TypeVar("M", bound="WireModel")
Style = Literal["page_num", "page_index", "page", "cursor", "page_token"]

_NUMBER_NAMES: dict[str, tuple[str, str]] = {
    "page_num": ("page_num", "page_size"),
    "page_index": ("page_index", "page_size"),
    "page": ("page", "size"),
    "page_token": ("page_token", "page_size"),
    "cursor": ("after_id", "limit"),
}


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of a list.

    Attributes:
        items: What it holds.
        has_more: Whether another page follows.
        total: The length of the whole list, if the server says.
        cursor: Where the next page begins, in the styles that use one.
    """

    items: list[M]
    has_more: bool
    total: int | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Pages(Generic[M]):
    """How to walk one list.

    Attributes:
        call: The request for the first page, without paging parameters.
        model: The type of one item.
        place: The key under which the items stand in the payload; `""` if the payload is the list.
        style: How the endpoint pages.
        size: Items a page.
        in_body: Whether the paging parameters go into the JSON body.
        start: The number of the first page.
        total_names: The names the length of the list may have.
        backwards: Whether the cursor walks from a place to the beginning.
    """

    call: Call
    model: type[M]
    place: str
    style: Style
    size: int
    in_body: bool = False
    start: int = 1
    total_names: tuple[str, ...] = field(default=("total", "total_count"))
    backwards: bool = False

    def request(self, number: int, cursor: str | None) -> Call:
        """Return the call for a page: by number, or by cursor where the style has one."""
        position, size = _NUMBER_NAMES[self.style]
        position = "before_id" if self.backwards else position
        by_cursor = self.style in {"cursor", "page_token"}
        place = cursor if by_cursor else number
        paging: dict[str, str | int] = {size: self.size}
        if place is not None and place != "":
            paging[position] = place
        if self.in_body:
            return replace(self.call, json={**(self.call.json or {}), **paging})
        return replace(self.call, query={**self.call.query, **paging})

    def read(self, reply: Reply, seen: int) -> Page[M]:
        """Read a page, given how many items came before it."""
        payload = reply.payload
        outer: Mapping[str, object] = payload if isinstance(payload, Mapping) else {}
        data = reply.data()
        inner: Mapping[str, object] = data if isinstance(data, Mapping) else outer
        raw = data if not self.place else inner.get(self.place)
        items = [reply.parse(self.model, item) for item in raw] if isinstance(raw, list) else []
        totals = (whole_number(inner.get(name)) for name in self.total_names)
        total = next((value for value in totals if value is not None), None)
        more = _yes(inner.get("has_more", outer.get("has_more")))
        if more is None:
            more = total is not None and seen + len(items) < total
        cursor = self._cursor(inner, outer)
        # An empty page ends the list whatever it claims, or the walk would never end.
        return Page(items, more and bool(items), total, cursor)

    def _cursor(self, inner: Mapping[str, object], outer: Mapping[str, object]) -> str | None:
        name = "last_id" if self.style == "cursor" else "next_page_token"
        name = "first_id" if self.backwards else name
        value = inner.get(name) or outer.get(name)
        return str(value) if value else None


def _yes(value: object) -> bool | None:
    """Return a flag, which may have come as text; None if there is none."""
    if isinstance(value, str):
        return value.strip().lower() in {"true", "1"}
    return None if value is None else bool(value)


def fetch(pages: Pages[M], number: int, cursor: str | None, seen: int) -> Flow[Page[M]]:
    """Fetch one page."""
    reply = yield from send(pages.request(number, cursor))
    return pages.read(reply, seen)


class _Walk(Generic[M]):
    """Where a walk over the pages stands."""

    def __init__(self, pages: Pages[M]) -> None:
        self._pages = pages
        self._number = pages.start
        self._cursor: str | None = None
        self._seen = 0
        self._cursors: set[str] = set()
        self._last: list[dict[str, Any]] = []
        self.ended = False

    def next_flow(self) -> Flow[Page[M]]:
        return fetch(self._pages, self._number, self._cursor, self._seen)

    def take(self, page: Page[M]) -> bool:
        """Take a page; False if it is the last one once more, from a server that counts none."""
        if self._pages.style not in {"cursor", "page_token"}:
            last, self._last = self._last, [item.model_dump() for item in page.items]
            if self._last and self._last == last:
                _LOG.warning("the server sends the same page of a list again; the list ends there")
                self.ended = True
                return False
        self._number += 1
        self._seen += len(page.items)
        self.ended = not page.has_more
        if self._pages.style in {"cursor", "page_token"}:
            # A cursor that comes back again would go round for ever.
            self.ended |= page.cursor is None or page.cursor in self._cursors
            self._cursors.add(page.cursor or "")
            self._cursor = page.cursor
        return True


class Pager(Generic[M]):
    """A list that is fetched page by page while it is iterated.

    Example:
        >>> for bot in client.bots.list(workspace_id="7348"):  # doctest: +SKIP
        ...     print(bot.name)
    """

    def __init__(self, pages: Pages[M], run: Callable[[Flow[Page[M]]], Page[M]]) -> None:
        self._pages = pages
        self._run = run

    def pages(self) -> Iterator[Page[M]]:
        """Iterate page by page."""
        walk = _Walk(self._pages)
        while not walk.ended:
            page = self._run(walk.next_flow())
            if walk.take(page):
                yield page

    def first_page(self) -> Page[M]:
        """Return the first page only."""
        return next(self.pages())

    def __iter__(self) -> Iterator[M]:
        for page in self.pages():
            yield from page.items


class AsyncPager(Generic[M]):
    """A list that is fetched page by page while it is iterated.

    Example:
        >>> async for bot in client.bots.list(workspace_id="7348"):  # doctest: +SKIP
        ...     print(bot.name)
    """

    def __init__(self, pages: Pages[M], run: Callable[[Flow[Page[M]]], Awaitable[Page[M]]]) -> None:
        self._pages = pages
        self._run = run

    async def pages(self) -> AsyncIterator[Page[M]]:
        """Iterate page by page."""
        walk = _Walk(self._pages)
        while not walk.ended:
            page = await self._run(walk.next_flow())
            if walk.take(page):
                yield page

    async def first_page(self) -> Page[M]:
        """Return the first page only."""
        walk = _Walk(self._pages)
        return await self._run(walk.next_flow())

    async def __aiter__(self) -> AsyncIterator[M]:
        async for page in self.pages():
            for item in page.items:
                yield item
