"""A retriever backed by a workflow: Coze has no search endpoint, but workflows can search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import SecretStr

from coze_core import ConnectedClients, Timeouts
from coze_core.dialog import Passage, WorkflowSearch


class CozeWorkflowRetriever(ConnectedClients, BaseRetriever):
    """Retrieves nodes with a workflow of yours, such as one with a knowledge node.

    The workflow takes the query as one of its inputs and gives a list: of texts, or of objects
    with a text (`output`, `content` or `text`) and whatever else, which becomes metadata.

    Args:
        workflow_id: The workflow; it has to be published.
        query_input: The input that the query goes into.
        output_field: The output that holds the list; the usual ones are looked for if None.
        parameters: Further inputs.
        similarity_top_k: Return this many nodes at most; all if None.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
        api_key: The access token; `COZE_API_TOKEN` if None. Further ones as `Coze` has them.

    Raises:
        ValueError: When asked, if the output holds no list of texts.
        CozeError: When asked, if the run failed or the server refused.

    Example:
        >>> retriever = CozeWorkflowRetriever("7389")  # doctest: +SKIP
        >>> RetrieverQueryEngine.from_args(retriever, llm=llm)  # doctest: +SKIP
    """

    def __init__(
        self,
        workflow_id: str,
        *,
        query_input: str = "query",
        output_field: str | None = None,
        parameters: dict[str, Any] | None = None,
        similarity_top_k: int | None = None,
        bot_id: str | None = None,
        app_id: str | None = None,
        api_key: str | SecretStr | Callable[[], Any] | None = None,
        base_url: str | None = None,
        region: str | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int = 2,
        auth: Any = None,
        tracing: Any = None,
        **connection: Any,
    ) -> None:
        super().__init__()
        self._search = WorkflowSearch(
            workflow_id,
            query_input,
            output_field,
            dict(parameters or {}),
            most=similarity_top_k,
            bot_id=bot_id,
            app_id=app_id,
        )
        self.connect(
            api_key=api_key,
            base_url=base_url,
            region=region,
            timeout=timeout,
            max_retries=max_retries,
            auth=auth,
            tracing=tracing,
            **connection,
        )

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._search.passages(self.client, query_bundle.query_str))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = query_bundle.query_str
        return _nodes(await self._search.passages_async(self.async_client, query))


def _nodes(found: list[Passage]) -> list[NodeWithScore]:
    return [
        NodeWithScore(
            node=TextNode(text=passage.text, metadata=passage.metadata), score=passage.score
        )
        for passage in found
    ]
