"""Reads tool calls out of a bot's text while it arrives, in whatever pieces.

A call counts where it cannot be meant as an example: at the beginning of a line and outside of code
fences; or, since models forget the line break, in the middle of a line if nothing follows it to the
end of the answer. All other text passes as it is, at once but for what may yet become a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from coze_core.dialog._tools import CLOSE, OPEN
from coze_core.dialog._written import WrittenCall, calls_in

_IN_CALL: Final = re.compile(r'["\\]|' + re.escape(CLOSE))
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEAD: Final = 200  # characters of a line that tell what kind of line it is
_QUOTES: Final = "`\"'“‘「『"


class BrokenCall(NamedTuple):
    """What begins like a call and cannot be read.

    Attributes:
        text: All of it, as it was written.
        problem: What is wrong with it.
        name: The tool's name, if that much can be read.
    """

    text: str
    problem: str
    name: str


class ToolCallParser:
    r"""Splits text into words and calls.

    Args:
        names: The tools that may be called.

    Attributes:
        broken: The calls that could not be read, so far.

    Example:
        >>> parser = ToolCallParser(["add"])
        >>> parser.feed('One moment.\n<tool_call>{"name": "add", "arg')
        ['One moment.']
        >>> parser.feed('uments": {"a": 1}}</tool_call>')
        [WrittenCall(name='add', arguments='{"a": 1}')]
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.broken: list[BrokenCall] = []
        self._names = list(names)
        self._text = _Lines()
        self._held = ""  # text that may yet turn out to be a call, or the space before one
        self._call: _Call | None = None
        self._doubtful: list[WrittenCall] = []  # in the middle of a line: only at the very end
        self._doubtful_text = ""

    def feed(self, text: str) -> list[str | WrittenCall]:
        """Take a piece and return what is certain now.

        Args:
            text: The next piece.
        """
        return _joined(self._read(text))

    def close(self) -> list[str | WrittenCall]:
        """Return what is left at the end of the text."""
        return _joined(self._end())

    def _read(self, text: str) -> Iterator[str | WrittenCall]:
        while text:
            if self._call is not None:
                rest = self._call.feed(text)
                if rest is None:
                    return
                yield from self._ended(self._call)
                text = rest
                continue
            text = self._held + text
            self._held = ""
            place = text.find(OPEN)
            if place < 0:
                keep = _may_begin_call(text)
                self._held = text[keep:]
                yield from self._words(text[:keep])
                return
            before, text = text[:place], text[place + len(OPEN) :]
            words = before.rstrip()
            space = before[len(words) :]
            yield from self._words(words)
            kind = self._text.kind_after(space)
            if kind == "text":
                yield from self._words(space + OPEN)
            else:
                self._call = _Call(space, doubtful=kind == "doubtful")

    def _words(self, text: str) -> Iterator[str | WrittenCall]:
        if not text:
            return
        if self._doubtful and text.strip():  # it was not the end: so it was meant as words
            text = self._doubtful_text + text
            self._doubtful, self._doubtful_text = [], ""
        elif self._doubtful:
            self._doubtful_text += text
            return
        self._text.pass_on(text)
        yield text

    def _ended(self, call: _Call) -> Iterator[str | WrittenCall]:
        self._call = None
        read = calls_in(call.body, self._names)
        if call.doubtful:
            self._doubtful_text += call.whole
            if isinstance(read, list):
                self._doubtful += read
            else:
                yield from self._resolve_doubt(were_calls=False)
            return
        if self._doubtful:
            yield from self._resolve_doubt(were_calls=isinstance(read, list))
        if isinstance(read, list):
            self._text.begin_line()  # a call may follow another one directly
            yield from read
        else:
            self.broken.append(BrokenCall(call.whole, *read))

    def _resolve_doubt(self, *, were_calls: bool) -> Iterator[str | WrittenCall]:
        words, self._doubtful_text = self._doubtful_text, ""
        calls, self._doubtful = self._doubtful, []
        if were_calls:
            yield from calls
        else:
            yield from self._words(words)

    def _end(self) -> Iterator[str | WrittenCall]:
        if self._call is not None:
            call, self._call = self._call, None
            call.give_up()
            yield from self._ended_early(call)
        held, self._held = self._held, ""
        yield from self._words(held)
        yield from self._resolve_doubt(were_calls=True)

    def _ended_early(self, call: _Call) -> Iterator[str | WrittenCall]:
        """Read a call whose end never came, or lies within a string that was not closed."""
        body, end, rest = call.body.partition(CLOSE)
        if end:
            call.body = body
            yield from self._ended(call)
            yield from self._read(rest)
            if self._call is not None:
                inner, self._call = self._call, None
                inner.give_up()
                yield from self._ended_early(inner)
            return
        read = calls_in(call.body, self._names)
        if isinstance(read, list):
            yield from self._ended(call)
        elif call.doubtful:
            yield from self._words(call.unfinished)
        else:
            _, name = read
            self.broken.append(BrokenCall(call.unfinished, "it was not finished", name))


class _Call:
    """A call while it arrives; its end is looked for outside of JSON strings."""

    def __init__(self, space: str, *, doubtful: bool) -> None:
        self.doubtful = doubtful
        self.body = ""
        self._space = space
        self._parts: list[str] = []
        self._tail = ""  # the beginning of what may be the closing tag, or an escape
        self._in_string = False

    @property
    def whole(self) -> str:
        return f"{self._space}{OPEN}{self.body}{CLOSE}"

    @property
    def unfinished(self) -> str:
        return f"{self._space}{OPEN}{self.body}"

    def feed(self, text: str) -> str | None:
        """Take a piece; return what follows the call, or None if it goes on."""
        text = self._tail + text
        position = 0
        while match := _IN_CALL.search(text, position):
            mark = match.group()
            if mark == "\\":
                if match.end() == len(text):
                    self._keep(text, match.start())
                    return None
                position = match.end() + 1 if self._in_string else match.end()
                continue
            position = match.end()
            if mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._parts.append(text[: match.start()])
                self.body = "".join(self._parts)
                return text[match.end() :]
        # Looked at already: only a half closing tag has to be looked at again.
        self._keep(text, max(position, _half_tag(text, CLOSE)))
        return None

    def _keep(self, text: str, place: int) -> None:
        self._parts.append(text[:place])
        self._tail = text[place:]

    def give_up(self) -> None:
        self.body = "".join(self._parts) + self._tail


class _Lines:
    """Where in the text we are: at the beginning of a line, in a code fence, in quotes."""

    def __init__(self) -> None:
        self._fence = ""  # the characters that opened the fence we are in
        # Of the present line, however long, only this is kept:
        self._head = ""  # its beginning
        self._last = ""  # its last character
        self._ticks = 0  # its backticks

    def pass_on(self, text: str) -> None:
        first, *others = text.split("\n")
        self._add(first)
        for line in others:
            self._fence = self._fence_after()
            self.begin_line()
            self._add(line)

    def begin_line(self) -> None:
        self._head, self._last, self._ticks = "", "", 0

    def _add(self, part: str) -> None:
        if len(self._head) < _HEAD:
            self._head += part[:_HEAD]
        self._last = part.rstrip()[-1:] or self._last
        self._ticks += part.count("`")

    def kind_after(self, space: str) -> str:
        """Say what a call would be here, after this space: `call`, `doubtful` or `text`."""
        fence = self._fence_after() if "\n" in space else self._fence
        if fence or ("\n" not in space and _FENCE.match(self._head)):
            return "text"
        if "\n" in space or not self._last:
            return "call"
        quoted = self._last in _QUOTES or self._ticks % 2 or self._head.startswith(">")
        return "text" if quoted else "doubtful"

    def _fence_after(self) -> str:
        """Return the characters of the fence that we are in when this line has ended, or `""`."""
        match = _FENCE.match(self._head)
        if match is None:
            return self._fence
        mark = match.group(1)
        if not self._fence:
            # By CommonMark a line such as ```x``` is code within a line and opens nothing.
            within = mark[0] == "`" and self._ticks > len(mark)
            return "" if within else mark
        closes = mark[0] == self._fence[0] and len(mark) >= len(self._fence)
        return "" if closes and not self._head[match.end() :].strip() else self._fence


def _may_begin_call(text: str) -> int:
    """Return where the end begins that may yet become a call, with the space before it."""
    return len(text[: _half_tag(text, OPEN)].rstrip())


def _half_tag(text: str, tag: str) -> int:
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return len(text) - length
    return len(text)


def _joined(pieces: Iterator[str | WrittenCall]) -> list[str | WrittenCall]:
    found: list[str | WrittenCall] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        else:
            found.append(piece)
    return found
