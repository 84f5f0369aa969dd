"""Documents of a dataset as frameworks load them, as far as the API gives them.

Protocol notes, section 6.7: names, addresses, sizes, states and the captions of images; never the
text of a document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from coze_core._client import AsyncCozeClient, CozeClient
    from coze_core._dataset_models import DatasetDocument, DatasetImage

_IMAGE: Final = 2
_IMAGES_A_PAGE: Final = 100
_FACTS: Final = (
    *("name", "type", "size", "char_count", "slice_count", "hit_count", "status", "source_type"),
    *("create_time", "update_time"),
)


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A document of a dataset, as no framework calls it.

    Attributes:
        id: The document.
        text: What is known of its content: an image's caption, any other document's name.
        metadata: Everything else, as numbers and text.
    """

    id: str
    text: str
    metadata: Mapping[str, Any]


def check_content(content: str) -> None:
    """Refuse to load what the API does not give.

    Raises:
        ValueError: If something else than `about` is asked for.
    """
    if content == "text":
        raise ValueError(
            "Coze's API gives no text of documents back, only names, addresses, sizes and captions "
            "of images: keep the files themselves to load text, or let a bot or a workflow recall "
            "from the dataset / 扣子 API 不返回文档正文，请使用原始文件，或通过智能体、工作流召回"
        )
    if content != "about":
        raise ValueError(f"content must be 'about', not {content!r}")


def dataset_entries(client: CozeClient, dataset_id: str) -> Iterator[DatasetEntry]:
    """Iterate over the documents of a dataset, fetched page by page.

    Args:
        client: Whom to ask.
        dataset_id: The dataset.

    Raises:
        CozeError: While iterating: the server refused.
    """
    images: dict[str, DatasetImage] | None = None
    for document in client.datasets.documents.list(dataset_id=dataset_id):
        if document.format_type == _IMAGE and images is None:
            found = client.datasets.images.list(dataset_id=dataset_id, page_size=_IMAGES_A_PAGE)
            images = {image.document_id: image for image in found}
        yield _entry(dataset_id, document, (images or {}).get(document.document_id))


async def dataset_entries_async(
    client: AsyncCozeClient, dataset_id: str
) -> AsyncIterator[DatasetEntry]:
    """Iterate over the documents of a dataset, fetched page by page.

    Args:
        client: Whom to ask.
        dataset_id: The dataset.

    Raises:
        CozeError: While iterating: the server refused.
    """
    images: dict[str, DatasetImage] | None = None
    async for document in client.datasets.documents.list(dataset_id=dataset_id):
        if document.format_type == _IMAGE and images is None:
            found = client.datasets.images.list(dataset_id=dataset_id, page_size=_IMAGES_A_PAGE)
            images = {image.document_id: image async for image in found}
        yield _entry(dataset_id, document, (images or {}).get(document.document_id))


def _entry(dataset_id: str, document: DatasetDocument, image: DatasetImage | None) -> DatasetEntry:
    url = document.web_url or (image.url if image else "")
    facts = {name: getattr(document, name) for name in _FACTS}
    metadata = {
        "source": url or f"coze:dataset/{dataset_id}/document/{document.document_id}",
        "dataset_id": dataset_id,
        "document_id": document.document_id,
        **{name: value for name, value in facts.items() if value not in {None, ""}},
        **({"url": url} if url else {}),
        **({"caption": image.caption} if image else {}),
    }
    text = (image.caption if image else "") or document.name
    return DatasetEntry(document.document_id, text, metadata)
