"""The trick of the reader, about half the cost of a stream: deltas read without parsing them.

The deltas of one message differ in one text only. Once two agree on the bytes around it, further
ones are read by comparing those bytes. A template is made only after a full parse has proved what
it means, and what it does not fit to the byte falls back to the full parse.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json

from coze_core._events import DeltaFrame, MessageDelta

# How a delta begins on the wire: version 3 writes no space after a colon, chatflows write one.
_BEGINNINGS: Final = tuple(
    b"event:%bconversation.message.delta\ndata:%b" % (space, space) for space in (b"", b" ")
)
# Where the text may stand, and whether it is one of the thoughts before the answer.
_KEYS: Final = tuple(
    (b'"%b":%b"' % (key, space), thinks)
    for key, thinks in ((b"content", False), (b"reasoning_content", True))
    for space in (b"", b" ")
)


class Template:
    """What the deltas of one message have in common, in bytes.

    Attributes:
        frame: The same as fields.
        hits: How often it has fitted.
    """

    __slots__ = (
        "_after",
        "_back",
        "_before",
        "_between",
        "_front",
        "_head",
        "_tail",
        "_thinks",
        "frame",
        "hits",
    )

    def __init__(
        self, before: bytes, after: bytes, fields: dict[str, Any], *, thinks: bool
    ) -> None:
        self._before, self._after, self._thinks = before, after, thinks
        self.frame = DeltaFrame(fields)
        self.hits = 0
        self._tail = after + b"\n\n"
        self._back = -len(after)
        self._begin_with(_BEGINNINGS[0])

    def _begin_with(self, beginning: bytes) -> None:
        self._head = beginning + self._before
        self._between = self._tail + self._head
        self._front = len(self._head) - self._head.index(b"\n") - 1  # in the second line

    @classmethod
    def of(cls, data: bytes, fields: dict[str, Any]) -> Template | None:
        """Make a template of a delta, if the proof succeeds.

        Args:
            data: The delta's data.
            fields: What it has been parsed to.
        """
        thinks = bool(fields.get("reasoning_content"))
        name = "reasoning_content" if thinks else "content"
        text = fields.get(name)
        if not isinstance(text, str) or (thinks and fields.get("content")) or b"\n" in data:
            return None  # data of several lines does not stand on the wire as it is here
        key = next((key for key, of in _KEYS if of is thinks and key in data), None)
        if key is None:
            return None
        start = data.index(key) + len(key)
        end = data.find(b'"', start)
        before, after = data[:start], data[end:]
        # The proof: other text put there comes out as the text, and nothing else changes. It has
        # to be other text: the same would prove any place that happens to hold it.
        other = "?" if text != "?" else "!"
        try:
            proof = from_json(before + other.encode() + after)
        except ValueError:
            return None
        return (
            cls(before, after, fields, thinks=thinks) if proof == {**fields, name: other} else None
        )

    def read(self, data: bytes) -> MessageDelta | None:
        """Read the data of one delta; None if it does not fit."""
        before, after = self._before, self._after
        last = len(data) - len(after)
        if last < len(before) or not (data.startswith(before) and data.endswith(after)):
            return None
        text = _string(data[len(before) : last])
        if text is None:
            return None
        self.hits += 1
        return self._delta(text)

    def _delta(self, text: str) -> MessageDelta:
        if self._thinks:
            return MessageDelta("", text, self.frame)
        return MessageDelta(text, "", self.frame)

    def read_run(self, block: bytes) -> tuple[list[MessageDelta], int]:
        """Read a block that is nothing but further deltas, in one pass over the bytes.

        The same outcome as decoding it frame by frame.

        Args:
            block: Bytes that begin with an event, lines ending with LF.

        Returns:
            The deltas and how many bytes they took; `[], 0` if the block holds anything else.
        """
        if not block.startswith(self._head):
            other = _BEGINNINGS[block.startswith(_BEGINNINGS[1])]
            if not block.startswith(other + self._before):
                return [], 0
            self._begin_with(other)
        head, tail = self._head, self._tail
        end = len(block) if block.endswith(tail) else block.rfind(b"\n\n") + 2
        last = end - len(tail)
        if last < len(head) or not block.startswith(tail, last):
            return [], 0
        run = block[len(head) : last]
        # One event, as nearly every read brings it where tokens come slowly.
        if len(run) < len(self._between):
            text = _string(run)
            if text is None:
                return [], 0
            self.hits += 1
            return [self._delta(text)], end
        # Each event has three lines, the last one empty. Put together again the texts must give
        # the block, which is quicker than looking for what stands between them.
        front, back = self._front, self._back
        lines = (block if end == len(block) else block[:end]).split(b"\n")
        raw = [line[front:back] for line in lines[1::3]]
        texts = _strings(raw) if self._between.join(raw) == run else None
        if texts is None:
            return [], 0
        self.hits += 1
        frame = self.frame
        if self._thinks:
            return [MessageDelta("", text, frame) for text in texts], end
        return [MessageDelta(text, "", frame) for text in texts], end


def _string(raw: bytes) -> str | None:
    """Return the text of what stands between two quotes in JSON; None if it is no text."""
    try:
        text = raw.decode()  # what it holds is found quicker in text than in bytes
        if '"' in text or "\\" in text or not text.isprintable():
            return from_json(b'"%b"' % raw)  # type: ignore[no-any-return]  # if it is one text
    except ValueError:
        return None
    return text


def _strings(raw: list[bytes]) -> list[str] | None:
    """Return the texts of what stands between quotes; None if one of them is no text."""
    joined = b'","'.join(raw)
    try:
        if b"\\" in joined:  # one by one: a backslash at an end would take in the next text
            return [from_json(b'"%b"' % text) for text in raw]
        if joined.count(b'"') != 2 * (len(raw) - 1):
            return None
        texts: list[str] = from_json(b'["%b"]' % joined)
    except ValueError:
        return None
    return texts
