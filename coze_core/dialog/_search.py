"""A search for passages with a workflow: what the retrievers of every framework do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coze_core.dialog._passages import Passage, passages_of

if TYPE_CHECKING:
    from coze_core._client import AsyncCozeClient, CozeClient
    from coze_core._workflow_run import WorkflowRun


@dataclass(frozen=True, slots=True)
class WorkflowSearch:
    """How to search.

    Attributes:
        workflow_id: The workflow; it has to be published.
        query_input: The input that the query goes into.
        output_field: The output that holds the list; the usual ones are looked for if None.
        parameters: Further inputs.
        most: Find this many passages at most; all if None.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
    """

    workflow_id: str
    query_input: str = "query"
    output_field: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    most: int | None = None
    bot_id: str | None = None
    app_id: str | None = None

    def passages(self, client: CozeClient, query: str) -> list[Passage]:
        """Search.

        Args:
            client: Whom to ask.
            query: What is searched for.

        Raises:
            ValueError: The output holds no list of texts, or the workflow asks a question.
            CozeError: The run failed, or the server refused.
        """
        return self._found(client.workflows.run(**self._request(query)))

    async def passages_async(self, client: AsyncCozeClient, query: str) -> list[Passage]:
        """Search; see `passages`."""
        return self._found(await client.workflows.run(**self._request(query)))

    def _request(self, query: str) -> dict[str, Any]:
        return {
            "workflow_id": self.workflow_id,
            "parameters": {**self.parameters, self.query_input: query},
            "bot_id": self.bot_id,
            "app_id": self.app_id,
        }

    def _found(self, run: WorkflowRun) -> list[Passage]:
        if run.interrupt is not None:
            raise ValueError("the workflow asks a question: a retriever's must not")
        return passages_of(run.value, self.output_field)[: self.most]
