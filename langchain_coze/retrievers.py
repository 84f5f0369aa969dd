"""A retriever backed by a workflow: Coze has no search endpoint, but workflows can search."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from coze_core.dialog import Passage, WorkflowSearch
from langchain_coze._connection import Connection


class CozeWorkflowRetriever(Connection, BaseRetriever):
    """Retrieves documents with a workflow of yours, such as one with a knowledge node.

    The workflow takes the query as one of its inputs and gives a list: of texts, or of objects
    with a text (`output`, `content` or `text`) and whatever else, which becomes metadata.

    Args:
        workflow_id: The workflow; it has to be published.
        query_input: The input that the query goes into.
        output_field: The output that holds the list; the usual ones are looked for if None.
        parameters: Further inputs.
        k: Return this many documents at most; all if None.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
        api_key: The access token; `COZE_API_TOKEN` if None. Further ones as `ChatCoze` has them.

    Raises:
        ValueError: When asked, if the output holds no list of texts.
        CozeError: When asked, if the run failed or the server refused.

    Example:
        >>> retriever = CozeWorkflowRetriever(workflow_id="7389")  # doctest: +SKIP
        >>> retriever.invoke("What is our refund policy?")  # doctest: +SKIP
    """

    workflow_id: str
    query_input: str = "query"
    output_field: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    k: int | None = None
    bot_id: str | None = None
    app_id: str | None = None

    def _search(self) -> WorkflowSearch:
        return WorkflowSearch(
            self.workflow_id,
            self.query_input,
            self.output_field,
            self.parameters,
            most=self.k,
            bot_id=self.bot_id,
            app_id=self.app_id,
        )

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - the base class's argument
    ) -> list[Document]:
        return _documents(self._search().passages(self.client, query))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - as above
    ) -> list[Document]:
        return _documents(await self._search().passages_async(self.async_client, query))


def _documents(found: list[Passage]) -> list[Document]:
    return [
        Document(
            passage.text,
            metadata={
                **passage.metadata,
                **({} if passage.score is None else {"score": passage.score}),
            },
        )
        for passage in found
    ]
