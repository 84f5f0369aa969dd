"""Documents of a Coze dataset as LlamaIndex documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

if TYPE_CHECKING:
    from coze_core import AsyncCozeClient, CozeClient
    from coze_core.dialog import DatasetEntry


class CozeDatasetReader(BaseReader):
    """Reads what Coze's API tells of the documents of a dataset.

    The API gives no text of documents back: the text of an image is its caption, of any other
    document its name. The metadata has the rest: ids, type, address, size, characters, pieces,
    state, times. No web page is fetched.

    Args:
        client: The client to use; one is made for each load if None, from `COZE_API_TOKEN` and
            `COZE_API_BASE`.
        async_client: The same, for `aload_data`.

    Example:
        >>> from llamaindex_coze import CozeDatasetReader
        >>> CozeDatasetReader().load_data(dataset_id="7385")  # doctest: +SKIP
    """

    def __init__(
        self, *, client: CozeClient | None = None, async_client: AsyncCozeClient | None = None
    ) -> None:
        self._client = client
        self._async_client = async_client

    def lazy_load_data(
        self, dataset_id: str, *, content: Literal["about"] = "about"
    ) -> Iterable[Document]:
        """Iterate over the documents, fetched page by page.

        Args:
            dataset_id: The dataset.
            content: `about`, the only thing there is; `text` is refused, with what to do instead.

        Raises:
            ValueError: No dataset, or content that there is not.
            CozeError: While iterating: the server refused.
        """
        _check(dataset_id, content)
        return self._documents(dataset_id)

    def _documents(self, dataset_id: str) -> Iterable[Document]:
        from coze_core import CozeClient
        from coze_core.dialog import dataset_entries

        client = self._client or CozeClient()
        try:
            for entry in dataset_entries(client, dataset_id):
                yield _document(entry)
        finally:
            if client is not self._client:
                client.close()

    async def aload_data(
        self, dataset_id: str, *, content: Literal["about"] = "about"
    ) -> list[Document]:
        """Return all documents. The arguments are those of `lazy_load_data`.

        Raises:
            ValueError: No dataset, or content that there is not.
            CozeError: The server refused.
        """
        from coze_core import AsyncCozeClient
        from coze_core.dialog import dataset_entries_async

        _check(dataset_id, content)
        client = self._async_client or AsyncCozeClient()
        try:
            return [_document(entry) async for entry in dataset_entries_async(client, dataset_id)]
        finally:
            if client is not self._async_client:
                await client.aclose()


def _check(dataset_id: str, content: str) -> None:
    from coze_core.dialog import check_content  # those who read nothing do not pay for it

    check_content(content)
    if not dataset_id:
        raise ValueError("dataset_id must not be empty")


def _document(entry: DatasetEntry) -> Document:
    metadata: dict[str, Any] = dict(entry.metadata)
    return Document(text=entry.text, doc_id=entry.id, metadata=metadata)
