"""The documents of datasets (protocol notes, section 6.7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from coze_core._call import Call
from coze_core._dataset_inputs import ChunkStrategy, DocumentBase, check_interval, update_rule
from coze_core._dataset_models import DatasetDocument, DocumentProgress
from coze_core._endpoints._checks import check_id, check_seconds, given
from coze_core._endpoints.datasets import DatasetKind, kind_number, path
from coze_core._errors import DocumentFailedError, PollTimeoutError, ProtocolError
from coze_core._flow import Flow, send
from coze_core._paging import Pages
from coze_core._polling import poll_until

_MOST: Final = 10  # documents a request
_MOST_DELETED: Final = 100
_MOST_BYTES: Final = 15 * 1024 * 1024  # of a request (section 8.3)
_PATH: Final = "/open_api/knowledge/document"
# Makes the gateway send ids as text (sections 1.2 and 10.5).
_IDS_AS_TEXT: Final = {"Agw-Js-Conv": "str"}


def create(
    *,
    dataset_id: str,
    documents: Sequence[DocumentBase],
    chunk_strategy: ChunkStrategy | None = None,
    format_type: DatasetKind = "text",
) -> Flow[list[DatasetDocument]]:
    """Put documents into a dataset and return at once, while the server works on them.

    Args:
        dataset_id: The dataset.
        documents: Up to 10.
        chunk_strategy: How they are cut; Coze takes it with the first documents of a dataset and
            goes by that later on. Left to Coze if None.
        format_type: What the dataset holds: `text`, `table` or `image`.

    Returns:
        The documents, with their new ids, still being worked on.

    Raises:
        TypeError: Something else than `DocumentBase`.
        ValueError: Arguments that Coze would refuse.
        CozeError: The server refused, or took fewer documents.

    Example:
        >>> client.datasets.documents.create(
        ...     dataset_id="7385", documents=[DocumentBase.from_file("handbook.pdf")]
        ... )  # doctest: +SKIP

    Protocol: section 6.7.
    """
    body = given(
        dataset_id=check_id("dataset_id", dataset_id),
        document_bases=_checked(documents, chunk_strategy, format_type),
        chunk_strategy=dict((chunk_strategy or _usual(documents, format_type)).fields),
        format_type=kind_number(format_type),
    )
    call = Call("POST", f"{_PATH}/create", json=body, headers=_IDS_AS_TEXT)
    reply = yield from send(call)
    made = reply.read_list(DatasetDocument, "document_infos")
    if len(made) < len(documents):
        raise ProtocolError(
            f"the server took {len(made)} of {len(documents)} documents and does not say why",
            log_id=reply.log_id,
            hint_en="See which are there: datasets.documents.list().",
            hint_zh="请用 datasets.documents.list() 查看实际写入的文档。",
        )
    return made


def create_and_wait(
    *,
    dataset_id: str,
    documents: Sequence[DocumentBase],
    chunk_strategy: ChunkStrategy | None = None,
    format_type: DatasetKind = "text",
    on_progress: Callable[[Sequence[DocumentProgress]], object] | None = None,
    poll_timeout: float = 600.0,
) -> Flow[list[DocumentProgress]]:
    """Put documents into a dataset and wait until bots can recall them.

    The arguments are those of `create`, and:

    Args:
        on_progress: Called after each look with how far the server is; see `progress_bar`.
        poll_timeout: Seconds to wait at the most; the server goes on afterwards.

    Returns:
        How each document ended: well.

    Raises:
        DocumentFailedError: A document could not be processed.
        PollTimeoutError: The server did not finish in time.
        CozeError: The server refused.

    Example:
        >>> client.datasets.documents.create_and_wait(
        ...     dataset_id="7385",
        ...     documents=[DocumentBase.from_file("handbook.pdf")],
        ...     on_progress=progress_bar(),
        ... )  # doctest: +SKIP

    Protocol: section 6.7.
    """
    check_seconds("poll_timeout", poll_timeout)
    deadline = time.monotonic() + poll_timeout
    made = yield from create(
        dataset_id=dataset_id,
        documents=documents,
        chunk_strategy=chunk_strategy,
        format_type=format_type,
    )
    ids = [document.document_id for document in made]

    def look() -> Flow[list[DocumentProgress]]:
        found = yield from progress(dataset_id=dataset_id, document_ids=ids)
        if on_progress is not None:
            on_progress(found)
        return found

    def ended(found: Sequence[DocumentProgress]) -> bool:
        return {item.document_id for item in found if item.ended} >= {*ids}

    found = yield from poll_until(look, ended, clock=time.monotonic, deadline=deadline)
    if found is None:
        raise PollTimeoutError(
            f"the documents {', '.join(ids)} were not processed within {poll_timeout:g} seconds",
            hint_en="The server goes on: raise poll_timeout=, or ask datasets.progress() later.",
            hint_zh="服务端仍在处理：请调大 poll_timeout=，或稍后用 datasets.progress() 查询。",
        )
    if failed := [item for item in found if item.failed]:
        raise _failure(failed)
    return found


def _failure(failed: list[DocumentProgress]) -> DocumentFailedError:
    said = "; ".join(
        f"{item.document_name or item.document_id}: "
        f"{item.status_description or f'status {item.status}'}"
        for item in failed
    )
    error = DocumentFailedError(
        f"Coze could not process {said}",
        log_id=failed[0].log_id,
        hint_en="Delete the document, check its format and content, and upload it again.",
        hint_zh="请删除该文档，检查其格式与内容后重新上传。",
    )
    error.documents = failed
    return error


def progress(*, dataset_id: str, document_ids: Sequence[str]) -> Flow[list[DocumentProgress]]:
    """Return how far the server is with documents of one dataset.

    Args:
        dataset_id: The dataset.
        document_ids: The documents.

    Raises:
        TypeError: Ids that are not strings.
        ValueError: No document.
        CozeError: The server refused.

    Example:
        >>> client.datasets.progress(dataset_id="7385", document_ids=["7386"])  # doctest: +SKIP

    Protocol: section 6.7.
    """
    call = Call(
        "POST",
        f"{path(dataset_id)}/process",
        json={"document_ids": _ids(document_ids)},
        headers=_IDS_AS_TEXT,
        repeatable=True,
    )
    return (yield from send(call)).read_list(DocumentProgress, "data")


def list_documents(*, dataset_id: str, page_size: int = 10) -> Pages[DatasetDocument]:
    """Iterate over the documents of a dataset: what is known of them, never their text.

    Args:
        dataset_id: The dataset.
        page_size: Documents a request.

    Raises:
        ValueError: A page size below 1.
        CozeError: While iterating: the server refused.

    Example:
        >>> for document in client.datasets.documents.list(dataset_id="7385"):  # doctest: +SKIP
        ...     print(document.name, document.char_count)

    Protocol: section 6.7.
    """
    if page_size < 1:
        raise ValueError("page_size must be 1 or more")
    call = Call(
        "POST",
        f"{_PATH}/list",
        json={"dataset_id": check_id("dataset_id", dataset_id)},
        headers=_IDS_AS_TEXT,
        repeatable=True,
    )
    return Pages(call, DatasetDocument, "document_infos", "page", page_size, in_body=True)


def update(
    *, document_id: str, name: str | None = None, update_interval_hours: int | None = None
) -> Flow[None]:
    """Give a document another name, or a web page another interval.

    Args:
        document_id: The document.
        name: Its new name.
        update_interval_hours: How often Coze fetches it anew: 24 or more; 0 for never.

    Raises:
        ValueError: Nothing to change, or arguments that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.datasets.documents.update(document_id="7386", name="b.pdf")  # doctest: +SKIP

    Protocol: section 6.7.
    """
    if name is None and update_interval_hours is None:
        raise ValueError("there is nothing to change: give name or update_interval_hours")
    if name is not None and not name.strip():
        raise ValueError("name must not be empty")
    check_interval(update_interval_hours)
    rule = None if update_interval_hours is None else update_rule(update_interval_hours)
    body = given(
        document_id=check_id("document_id", document_id), document_name=name, update_rule=rule
    )
    call = Call("POST", f"{_PATH}/update", json=body, headers=_IDS_AS_TEXT, repeatable=True)
    yield from send(call)


def delete(*, document_ids: Sequence[str]) -> Flow[None]:
    """Delete documents.

    Args:
        document_ids: Up to 100.

    Raises:
        TypeError: Ids that are not strings.
        ValueError: No document, or too many.
        CozeError: The server refused.

    Example:
        >>> client.datasets.documents.delete(document_ids=["7386"])  # doctest: +SKIP

    Protocol: section 6.7.
    """
    ids = _ids(document_ids)
    if len(ids) > _MOST_DELETED:
        raise ValueError(f"{len(ids)} documents are too many: Coze takes {_MOST_DELETED} at a time")
    yield from send(
        Call("POST", f"{_PATH}/delete", json={"document_ids": ids}, headers=_IDS_AS_TEXT)
    )


def _ids(document_ids: Sequence[str]) -> list[str]:
    if isinstance(document_ids, str):
        raise TypeError("document_ids is a list: write [document_id]")
    if not document_ids:
        raise ValueError("document_ids is empty")
    return [check_id("document_id", id) for id in document_ids]


def _usual(documents: Sequence[DocumentBase], format_type: str) -> ChunkStrategy:
    """Return what the server does by itself: it wants to be told so."""
    if format_type != "image":
        return ChunkStrategy.auto()
    by_hand = any(document.caption is not None for document in documents)
    return ChunkStrategy.captions("hand" if by_hand else "auto")


def _checked(
    documents: Sequence[DocumentBase], chunk_strategy: ChunkStrategy | None, format_type: str
) -> list[dict[str, object]]:
    """Return documents as they go on the wire."""
    by_server = chunk_strategy is not None and chunk_strategy.fields.get("caption_type") == 0
    for document in documents:
        if not isinstance(document, DocumentBase):
            raise TypeError(
                f"documents takes DocumentBase values, such as DocumentBase.from_file('a.pdf'), "
                f"not {type(document).__name__}"
            )
        if document.caption is not None and (by_server or format_type != "image"):
            raise ValueError(
                f"the caption of {document.name!r} would be lost: captions belong to images "
                f"(format_type='image') that are described by hand (ChunkStrategy.captions('hand'))"
            )
    if not 1 <= len(documents) <= _MOST:
        raise ValueError(f"Coze takes 1 to {_MOST} documents at a time, not {len(documents)}")
    # Base64 makes four bytes of three.
    if sum(len(document.content or b"") for document in documents) * 4 // 3 > _MOST_BYTES:
        raise ValueError(
            "the documents are too large for one request (15 MB): send fewer at a time, or upload "
            "them with files.upload() and use DocumentBase.from_file_id"
        )
    return [document.wire() for document in documents]
