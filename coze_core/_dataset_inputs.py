"""What one puts into a dataset, and how it is cut (protocol notes, section 6.7)."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final, Literal, Self

from coze_core._call import path_of

_LEAST_HOURS: Final = 24
_FILE, _WEB, _UPLOADED = 0, 1, 5  # values of document_source


@dataclass(frozen=True, slots=True)
class DocumentBase:
    """A document to be put into a dataset.

    Attributes:
        name: Its name in the dataset.
        caption: What an image shows, where images are described by hand.
        update_interval_hours: How often a web page is fetched anew; never if None.
        url: The web page.
        file_id: The upload.
        content: The content of a file.
        file_type: The suffix of a file, such as `pdf`.

    Example:
        >>> DocumentBase.from_text("Ada wrote programs.", name="ada.txt").file_type
        'txt'
    """

    name: str
    caption: str | None = None
    update_interval_hours: int | None = None
    url: str | None = None
    file_id: str | None = None
    content: bytes | None = field(default=None, repr=False)
    file_type: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"a document's name is text, not {type(self.name).__name__}")
        if not self.name.strip():
            raise ValueError("a document needs a name")
        if sum(part is not None for part in (self.url, self.file_id, self.content)) != 1:
            raise ValueError(
                "a document has one source: use from_file, from_text, from_url or from_file_id"
            )
        if self.content is not None and not self.file_type:
            raise ValueError(
                f"Coze knows a file by its suffix and {self.name!r} has none: "
                f"name it like notes.txt, or pass file_type="
            )
        if self.content is not None and not self.content:
            raise ValueError(f"the document {self.name!r} is empty")
        check_interval(self.update_interval_hours)

    @classmethod
    def from_file(
        cls,
        file: str | os.PathLike[str] | tuple[str, bytes],
        *,
        name: str | None = None,
        file_type: str | None = None,
        caption: str | None = None,
    ) -> Self:
        """Return a document from a file, which is read now.

        Args:
            file: A path, or `(name, bytes)`.
            name: Its name in the dataset; the file's if None.
            file_type: Its suffix, such as `pdf`; the file's if None.
            caption: What an image shows; with `ChunkStrategy.captions("hand")`.

        Raises:
            TypeError: Something else than a file.
            ValueError: No such file, an empty one, or one without a suffix.
        """
        if isinstance(file, tuple):
            found, content = file
        elif isinstance(file, str | os.PathLike):
            path = path_of(file)
            found, content = path.name, path.read_bytes()
        else:
            raise TypeError(f"file must be a path or (name, bytes), not {type(file).__name__}")
        suffix = (file_type or PurePath(found).suffix).removeprefix(".").lower()
        return cls(name or found, caption=caption, content=content, file_type=suffix)

    @classmethod
    def from_text(cls, text: str, *, name: str) -> Self:
        """Return a document from text.

        Args:
            text: The text.
            name: Its name in the dataset.

        Raises:
            ValueError: No text.
        """
        return cls(name, content=text.encode(), file_type="txt")

    @classmethod
    def from_url(
        cls, url: str, *, name: str | None = None, update_interval_hours: int | None = None
    ) -> Self:
        """Return a document from a web page, which Coze fetches.

        Args:
            url: Its public address.
            name: Its name in the dataset; the address if None.
            update_interval_hours: How often Coze fetches it anew, 24 or more; never if None.

        Raises:
            ValueError: An address that Coze cannot fetch, or too short an interval.
        """
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"Coze cannot fetch {url[:80]!r}: give a public https address")
        return cls(name or url, url=url, update_interval_hours=update_interval_hours)

    @classmethod
    def from_file_id(
        cls, file_id: str, *, name: str | None = None, caption: str | None = None
    ) -> Self:
        """Return a document from an upload (`client.files.upload`).

        Args:
            file_id: The upload.
            name: Its name in the dataset; the id if None.
            caption: What an image shows; with `ChunkStrategy.captions("hand")`.

        Raises:
            TypeError: An id that is not a string.
            ValueError: An empty id.
        """
        if not isinstance(file_id, str):
            raise TypeError(f"file_id must be a string, not {type(file_id).__name__}")
        if not file_id.strip():
            raise ValueError("file_id must not be empty")
        return cls(name or file_id, caption=caption, file_id=file_id)

    def wire(self) -> dict[str, object]:
        """Return it as it goes on the wire."""
        source: dict[str, object]
        if self.content is not None:
            encoded = base64.b64encode(self.content).decode()
            source = {
                "file_base64": encoded,
                "file_type": self.file_type,
                "document_source": _FILE,
            }
        elif self.url is not None:
            source = {"web_url": self.url, "document_source": _WEB}
        else:
            source = {"source_file_id": self.file_id, "document_source": _UPLOADED}
        found: dict[str, object] = {"name": self.name, "source_info": source}
        if self.caption is not None:
            found["caption"] = self.caption
        if self.update_interval_hours is not None:
            found["update_rule"] = update_rule(self.update_interval_hours)
        return found


def check_interval(hours: int | None) -> None:
    """Refuse an interval that Coze would refuse.

    Raises:
        ValueError: Below 24 hours, and not 0 for never.
    """
    if hours is not None and hours != 0 and hours < _LEAST_HOURS:
        raise ValueError("update_interval_hours must be 24 or more, or 0 for never")


def update_rule(hours: int) -> dict[str, int]:
    """Return how often a web page is fetched anew, as it goes on the wire."""
    return {"update_type": int(hours > 0), "update_interval": hours or _LEAST_HOURS}


@dataclass(frozen=True, slots=True)
class ChunkStrategy:
    """How documents are cut; set with the first documents of a dataset, then kept by Coze.

    Attributes:
        fields: As they go on the wire.

    Example:
        >>> ChunkStrategy.custom(max_tokens=500, separator="---").fields["max_tokens"]
        500
    """

    fields: Mapping[str, object]

    @classmethod
    def auto(cls) -> Self:
        """Return the strategy that leaves the cutting to Coze."""
        return cls({"chunk_type": 0})

    @classmethod
    def custom(
        cls,
        *,
        max_tokens: int = 800,
        separator: str = "\n",
        remove_extra_spaces: bool = False,
        remove_urls_emails: bool = False,
    ) -> Self:
        """Return a strategy of one's own.

        Args:
            max_tokens: The longest piece, from 100 to 2000.
            separator: Where to cut.
            remove_extra_spaces: Whether runs of white space become one space.
            remove_urls_emails: Whether addresses are taken out.

        Raises:
            ValueError: A length that Coze would refuse, or no separator.
        """
        if not 100 <= max_tokens <= 2000:
            raise ValueError(f"max_tokens must be from 100 to 2000, not {max_tokens}")
        if not separator:
            raise ValueError("separator must not be empty: ChunkStrategy.auto() needs none")
        return cls(
            {
                "chunk_type": 1,
                "max_tokens": max_tokens,
                "separator": separator,
                "remove_extra_spaces": remove_extra_spaces,
                "remove_urls_emails": remove_urls_emails,
            }
        )

    @classmethod
    def captions(cls, by: Literal["auto", "hand"] = "auto") -> Self:
        """Return how images are described: by Coze, or by hand.

        Args:
            by: `hand` takes the captions that you give.

        Raises:
            ValueError: Something else.
        """
        if by not in {"auto", "hand"}:
            raise ValueError(f"by must be 'auto' or 'hand', not {by!r}")
        return cls({"caption_type": int(by == "hand")})
