"""What the tools of Coze have in common: they may run in an agent, or alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.workflow import Context
from pydantic import BaseModel

from coze_core import ModelClients
from llamaindex_coze.events import CozeProgressEvent


class CozeTool(FunctionTool):
    """What a workflow's and a bot's tool have in common: they may run in an agent, or alone."""

    def __init__(self, clients: ModelClients, metadata: ToolMetadata) -> None:
        super().__init__(fn=self._text, async_fn=self._atext, metadata=metadata)
        self.requires_context = True  # an agent then passes its own
        self.ctx_param_name = "ctx"
        self._from = clients

    def _text(self, **arguments: Any) -> str:
        return str(self.call(**arguments).content)

    async def _atext(self, **arguments: Any) -> str:
        return str((await self.acall(**arguments)).content)

    def _checked(self, arguments: Mapping[str, Any]) -> BaseModel:
        schema = cast("type[BaseModel]", self.metadata.fn_schema)
        return schema.model_validate(dict(arguments))

    def _output(self, arguments: Mapping[str, Any], text: str, raw: Any) -> ToolOutput:
        return ToolOutput(
            blocks=[TextBlock(text=text)],
            tool_name=self.metadata.get_name(),
            raw_input={"args": (), "kwargs": dict(arguments)},
            raw_output=raw,
        )

    def _tell(self, ctx: Context | None, text: str, node: str = "") -> None:
        if ctx is not None:
            name = self.metadata.get_name()
            ctx.write_event_to_stream(CozeProgressEvent(tool=name, text=text, node=node))

    def _schema(self) -> type[BaseModel]:
        """Make the schema of what is taken."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        # The schema may be a class made at run time, which pickles cannot find again.
        told, schema = self.metadata, self.metadata.fn_schema
        if schema is not None and schema.__module__.startswith("coze_core."):
            told = dataclasses.replace(told, fn_schema=None)
        return {**self.__dict__, "_metadata": told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.metadata.fn_schema is None:
            self.metadata.fn_schema = self._schema()


def no_positions(args: tuple[Any, ...]) -> None:
    """Refuse arguments without a name."""
    if args:
        raise TypeError("give the inputs by name")
