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

from coze_core import WorkflowRun
from coze_core.dialog import passages_of
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

    def _request(self, query: str) -> dict[str, Any]:
        return {
            "workflow_id": self.workflow_id,
            "parameters": {**self.parameters, self.query_input: query},
            "bot_id": self.bot_id,
            "app_id": self.app_id,
        }

    def _documents(self, run: WorkflowRun) -> list[Document]:
        if run.interrupt is not None:
            raise ValueError("the workflow asks a question: a retriever's must not")
        documents = []
        for passage in passages_of(run.value, self.output_field)[: self.k]:
            scored = {} if passage.score is None else {"score": passage.score}
            documents.append(Document(passage.text, metadata={**passage.metadata, **scored}))
        return documents

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - the base class's argument
    ) -> list[Document]:
        return self._documents(self.client.workflows.run(**self._request(query)))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - as above
    ) -> list[Document]:
        return self._documents(await self.async_client.workflows.run(**self._request(query)))
