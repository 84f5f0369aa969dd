"""The wire models of datasets, their documents and images (protocol notes, section 6.7)."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from coze_core._models import Id, OptionalNumber, Text, WireModel

KINDS: Final = {"text": 0, "table": 1, "image": 2}
_KIND_NAMES: Final = {number: name for name, number in KINDS.items()}
_BUSY: Final = {0, 4, 5}  # processing, cut anew, fetched anew
_FAILED: Final = {3, 9, 1000}  # deleted meanwhile, failed, refused by the audit


class _Processed(WireModel):
    """What the server works on before it can be used."""

    status: OptionalNumber = None

    @property
    def ended(self) -> bool:
        """Whether the server is done with it, well or badly."""
        return self.status is not None and self.status not in _BUSY

    @property
    def failed(self) -> bool:
        """Whether it cannot be used; upload it again."""
        return self.status in _FAILED


class Dataset(WireModel):
    """A dataset: the knowledge that bots recall from.

    Attributes:
        format_type: 0 for text, 1 for tables, 2 for images; see `kind`.
        status: 1 if it is in use, 3 if it is switched off.
        doc_count: How many documents it has.
        file_list: Their names.
        failed_file_list: The names of those that failed.
        processing_file_list: The names of those that are being worked on.
    """

    dataset_id: Id = ""
    name: str = ""
    description: str = ""
    space_id: Id = ""
    format_type: OptionalNumber = None
    status: OptionalNumber = None
    can_edit: bool | None = None
    icon_url: str = ""
    doc_count: OptionalNumber = None
    slice_count: OptionalNumber = None
    hit_count: OptionalNumber = None
    bot_used_count: OptionalNumber = None
    all_file_size: OptionalNumber = None
    file_list: list[str] = Field(default_factory=list)
    failed_file_list: list[str] = Field(default_factory=list)
    processing_file_list: list[str] = Field(default_factory=list)
    processing_file_id_list: list[Id] = Field(default_factory=list)
    chunk_strategy: dict[str, Any] | None = None
    creator_id: Id = ""
    creator_name: str = ""
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None

    @property
    def kind(self) -> str:
        """`text`, `table` or `image`; `""` for a type that is not known here."""
        return _KIND_NAMES.get(-1 if self.format_type is None else self.format_type, "")


class DatasetDocument(_Processed):
    """A document of a dataset: what is known of it; never its text.

    Attributes:
        type: The suffix of its file, such as `pdf`.
        size: Bytes.
        char_count: Characters.
        slice_count: The pieces it was cut into.
        hit_count: How often it was recalled.
        source_type: 0 for a file, 1 for a web page, 5 for an upload.
        web_url: The address of a web page, if the server tells.
        status: 0 while it is worked on, 1 when it can be used, 9 if that failed.
        update_type: 1 if a web page is fetched anew from time to time.
        update_interval: Every how many hours.
    """

    document_id: Id = ""
    name: str = ""
    type: str = ""
    size: OptionalNumber = None
    char_count: OptionalNumber = None
    slice_count: OptionalNumber = None
    hit_count: OptionalNumber = None
    format_type: OptionalNumber = None
    source_type: OptionalNumber = None
    web_url: str = ""
    update_type: OptionalNumber = None
    update_interval: OptionalNumber = None
    chunk_strategy: dict[str, Any] | None = None
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None


class DatasetImage(_Processed):
    """An image of a dataset; bots find it by its caption."""

    document_id: Id = ""
    name: str = ""
    caption: str = ""
    url: str = ""
    type: str = ""
    size: OptionalNumber = None
    source_type: OptionalNumber = None
    creator_id: Id = ""
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None


class DocumentProgress(_Processed):
    """How far the server is with a document.

    Attributes:
        progress: Percent.
        remaining_time: Seconds, as the server guesses.
        status_description: Why it failed; `""` if the server does not say.
    """

    document_id: Id = ""
    document_name: str = ""
    progress: OptionalNumber = None
    remaining_time: OptionalNumber = None
    status_description: Text = Field(default="", alias="status_descript")
    url: str = ""
    type: str = ""
    size: OptionalNumber = None
    update_type: OptionalNumber = None
    update_interval: OptionalNumber = None
