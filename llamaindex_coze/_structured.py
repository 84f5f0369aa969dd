"""Data instead of words: LlamaIndex's four forms of structured prediction.

LlamaIndex would have a model call a tool that stands for the schema, which a bot cannot be given.
So the schema is put into words, and the answer checked and asked for once more by the core.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.utils import process_streaming_objects
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel, ConfigDict, ValidationError

_dispatcher = get_dispatcher(__name__)


class StructuredPrediction(FunctionCallingLLM):
    """The four forms, over `chat`; other modes than the default are left to LlamaIndex."""

    model_config = ConfigDict(defer_build=True)

    def structured_predict(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """Ask for an instance of a class.

        Args:
            output_cls: The class.
            prompt: The question.
            llm_kwargs: Per-call options.
            prompt_args: What fills the prompt in.

        Raises:
            ValueError: The answer does not fit, even when asked for once more.
        """
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        self._begin(output_cls, prompt, prompt_args)
        messages, options = self._question(output_cls, prompt, llm_kwargs, prompt_args)
        return self._end(output_cls, self.chat(messages, **options))

    async def astructured_predict(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """Ask for an instance of a class; see `structured_predict`."""
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        self._begin(output_cls, prompt, prompt_args)
        messages, options = self._question(output_cls, prompt, llm_kwargs, prompt_args)
        return self._end(output_cls, await self.achat(messages, **options))

    def _structured_stream_call(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        return self._growing(output_cls, prompt, llm_kwargs, prompt_args)

    def _growing(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None,
        prompt_args: dict[str, Any],
    ) -> Generator[Any, None, None]:
        messages, options = self._question(output_cls, prompt, llm_kwargs, prompt_args)
        partial, last = None, None
        for last in self.stream_chat(messages, **options):
            if last.delta:
                partial = _partial(last, output_cls, partial)
                yield partial
        yield _instance(output_cls, last)

    async def _structured_astream_call(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return await super()._structured_astream_call(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
        return self._agrowing(output_cls, prompt, llm_kwargs, prompt_args)

    async def _agrowing(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None,
        prompt_args: dict[str, Any],
    ) -> AsyncGenerator[Any, None]:
        messages, options = self._question(output_cls, prompt, llm_kwargs, prompt_args)
        partial, last = None, None
        stream: Any = await self.astream_chat(messages, **options)
        async with contextlib.aclosing(stream) as responses:
            async for last in responses:
                if last.delta:
                    partial = _partial(last, output_cls, partial)
                    yield partial
        yield _instance(output_cls, last)

    def _question(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None,
        prompt_args: dict[str, Any],
    ) -> tuple[list[ChatMessage], dict[str, Any]]:
        from coze_core.dialog import ResponseFormat

        messages = self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

        def check(text: str) -> str | None:
            try:
                output_cls.model_validate_json(text)
            except ValidationError as error:
                return f"it does not fit {output_cls.__name__}: {error}"
            return None

        form = ResponseFormat(output_cls.model_json_schema(), output_cls.__name__, check)
        # The tool that stands for a schema elsewhere is forced by a choice; there is none here.
        options = {k: v for k, v in (llm_kwargs or {}).items() if k != "tool_choice"}
        return list(messages), {**options, "response_format": form}

    def _begin(
        self, output_cls: type[BaseModel], prompt: PromptTemplate, args: dict[str, Any]
    ) -> None:
        _dispatcher.event(
            LLMStructuredPredictStartEvent(
                output_cls=output_cls, template=prompt, template_args=args
            )
        )

    def _end(self, output_cls: type[BaseModel], response: ChatResponse) -> BaseModel:
        found = _instance(output_cls, response)
        _dispatcher.event(LLMStructuredPredictEndEvent(output=found))
        return found


def _instance(output_cls: type[BaseModel], response: ChatResponse | None) -> BaseModel:
    text = (response.message.content if response is not None else "") or ""
    try:
        return output_cls.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(
            f"the bot's answer does not fit {output_cls.__name__}: {error}; it said: {text[:500]!r}"
        ) from error


def _partial(response: ChatResponse, output_cls: type[BaseModel], before: Any) -> Any:
    return process_streaming_objects(
        response, output_cls, cur_objects=[before] if before is not None else None
    )
