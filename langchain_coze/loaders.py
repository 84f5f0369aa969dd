"""Documents of a Coze dataset as LangChain documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Literal

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

if TYPE_CHECKING:
    from coze_core import AsyncCozeClient, CozeClient
    from coze_core.dialog import DatasetEntry


class CozeDatasetLoader(BaseLoader):
    """Loads what Coze's API tells of the documents of a dataset.

    The API gives no text of documents back: the content of an image is its caption, of any other
    document its name. The metadata has the rest: ids, type, address, size, characters, pieces,
    state, times. No web page is fetched.

    Args:
        dataset_id: The dataset.
        content: `about`, the only thing there is; `text` is refused, with what to do instead.
        client: The client to use; one is made for each load if None, from `COZE_API_TOKEN` and
            `COZE_API_BASE`.
        async_client: The same, for `aload` and `alazy_load`.

    Raises:
        ValueError: No dataset, or content that there is not.

    Example:
        >>> from langchain_coze import CozeDatasetLoader
        >>> for document in CozeDatasetLoader("7385").lazy_load():  # doctest: +SKIP
        ...     print(document.page_content, document.metadata["char_count"])
    """

    def __init__(
        self,
        dataset_id: str,
        *,
        content: Literal["about"] = "about",
        client: CozeClient | None = None,
        async_client: AsyncCozeClient | None = None,
    ) -> None:
        from coze_core.dialog import check_content  # those who load nothing do not pay for it

        check_content(content)
        if not dataset_id:
            raise ValueError("dataset_id must not be empty")
        self.dataset_id = dataset_id
        self._client = client
        self._async_client = async_client

    def lazy_load(self) -> Iterator[Document]:
        """Iterate over the documents, fetched page by page.

        Raises:
            CozeError: The server refused.
        """
        from coze_core import CozeClient
        from coze_core.dialog import dataset_entries

        client = self._client or CozeClient()
        try:
            for entry in dataset_entries(client, self.dataset_id):
                yield _document(entry)
        finally:
            if client is not self._client:
                client.close()

    async def alazy_load(self) -> AsyncIterator[Document]:
        """Iterate over the documents, fetched page by page.

        Raises:
            CozeError: The server refused.
        """
        from coze_core import AsyncCozeClient
        from coze_core.dialog import dataset_entries_async

        client = self._async_client or AsyncCozeClient()
        try:
            async for entry in dataset_entries_async(client, self.dataset_id):
                yield _document(entry)
        finally:
            if client is not self._async_client:
                await client.aclose()


def _document(entry: DatasetEntry) -> Document:
    return Document(entry.text, id=entry.id, metadata=dict(entry.metadata))
