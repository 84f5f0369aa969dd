"""Answers as data: what `with_structured_output` returns."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.json import parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, ConfigDict, ValidationError

METHODS: Final = ("json_schema", "json_mode", "function_calling")


class ResponseSchema(dict[str, Any]):
    """A `response_format` that also knows the class which it was made from.

    To everybody else it is the mapping that OpenAI made common: traces and cache keys show that.
    """

    schema: Any

    @classmethod
    def of(cls, schema: Any, *, strict: bool | None = None) -> ResponseSchema:
        """Make it from a class or a JSON schema.

        Args:
            schema: A pydantic class, a TypedDict, a JSON schema, or an OpenAI function.
            strict: Recorded only: Coze enforces no schema.
        """
        described = convert_to_json_schema(schema)
        name = described.get("title") or "answer"
        inner = {"name": name, "schema": described, **({"strict": strict} if strict else {})}
        made = cls({"type": "json_schema", "json_schema": inner})
        made.schema = schema
        return made


def checks_of(schema: Any) -> Callable[[str], str | None] | None:
    """Return what a class has to say of a JSON text; None for schemas of other kinds.

    Args:
        schema: The class.
    """
    if not (isinstance(schema, type) and is_basemodel_subclass(schema)):
        return None

    def check(text: str) -> str | None:
        try:
            _instance(schema, text)
        except Exception as error:  # noqa: BLE001 - validators are the user's own code
            return f"it does not fit {schema.__name__}: {error}"
        return None

    return check


def _instance(schema: Any, text: str) -> Any:
    # From the text: a class that is strict takes a date in JSON, but not in a mapping.
    if issubclass(schema, BaseModel):
        return schema.model_validate_json(text)
    return schema.parse_raw(text)  # a class of pydantic's first version


class StructuredOutputParser(BaseTransformOutputParser[Any]):
    """Reads a bot's JSON answer: an instance of a pydantic class, or a mapping.

    While an answer streams, mappings grow; an instance comes once it is complete.

    Attributes:
        schema_: The class or the JSON schema.

    Raises:
        OutputParserException: The answer is not JSON, does not fit, or is a call of a tool.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    schema_: Any = None

    @property
    def _type(self) -> str:
        return "coze_structured_output"

    def parse(self, text: str) -> Any:
        """Read the whole text of an answer.

        Args:
            text: The text.

        Raises:
            OutputParserException: It is not JSON, or does not fit.
        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise OutputParserException(
                f"the bot's answer is not JSON: {error}", llm_output=text
            ) from error
        if not isinstance(value, dict):
            raise OutputParserException("the bot's answer is not a JSON object", llm_output=text)
        if not self._is_class:
            return self._known(value)
        try:
            return _instance(self.schema_, text)
        except (ValidationError, ValueError) as error:
            raise OutputParserException(
                f"the bot's answer does not fit {self.schema_.__name__}: {error}", llm_output=text
            ) from error

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Read an answer.

        Args:
            result: The answer.
            partial: Whether it is still growing.

        Raises:
            OutputParserException: It is not JSON, does not fit, or is a call of a tool.
        """
        generation = result[0]
        message = generation.message if isinstance(generation, ChatGeneration) else None
        text = generation.text
        if partial:
            return self._so_far(text)
        if isinstance(message, AIMessage) and message.tool_calls and not text.strip():
            names = ", ".join(call["name"] for call in message.tool_calls)
            raise OutputParserException(
                f"the bot called a tool ({names}) instead of answering", llm_output=text
            )
        return self.parse(text)

    @property
    def _is_class(self) -> bool:
        return isinstance(self.schema_, type) and is_basemodel_subclass(self.schema_)

    def _known(self, value: dict[str, Any]) -> dict[str, Any]:
        """Leave out what the schema does not have."""
        if self.schema_ is None:
            return value
        schema = convert_to_json_schema(self.schema_)
        properties = schema.get("properties")
        if not properties or schema.get("additionalProperties") or "patternProperties" in schema:
            return value
        return {k: v for k, v in value.items() if k in properties}

    def _so_far(self, text: str) -> dict[str, Any] | None:
        if self._is_class or not text.strip():
            return None
        try:
            value = parse_partial_json(text)
        except (ValueError, RecursionError):
            return None
        return self._known(value) if isinstance(value, dict) else None

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        growing = _Growing(self)
        for chunk in input:
            yield from growing.add(chunk)
        yield from growing.end()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        growing = _Growing(self)
        async for chunk in input:
            for value in growing.add(chunk):
                yield value
        for value in growing.end():
            yield value


class _Growing:
    """An answer that is being streamed."""

    def __init__(self, parser: StructuredOutputParser) -> None:
        self._parser = parser
        self._text = ""
        self._message: BaseMessage | None = None
        self._last: Any = None

    def add(self, chunk: str | BaseMessage) -> Iterator[Any]:
        if isinstance(chunk, str):
            self._text += chunk
        else:
            self._text += chunk.text
            if getattr(chunk, "tool_calls", None) or not isinstance(chunk, BaseMessageChunk):
                self._message = chunk
        value = self._parser.parse_result([Generation(text=self._text)], partial=True)
        if value is not None and value != self._last:
            self._last = value
            yield value

    def end(self) -> Iterator[Any]:
        message = self._message
        generation = Generation(text=self._text)
        if message is not None and not self._text.strip():
            generation = ChatGeneration(message=message)
        value = self._parser.parse_result([generation])
        if value != self._last:
            yield value


def structured(
    model: Any, schema: Any, *, include_raw: bool, method: str, strict: bool | None
) -> Runnable[Any, Any]:
    """Return a model that answers with data.

    Args:
        model: The chat model.
        schema: What the data are like; None for any JSON object.
        include_raw: Whether to return the message and the error as well.
        method: One of `METHODS`; all of them put the schema into words, since Coze takes none.
        strict: Recorded only.

    Raises:
        ValueError: A method that does not exist, or no schema where one is needed.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if schema is None and method != "json_mode":
        raise ValueError(f"method {method!r} needs a schema; for any JSON use method='json_mode'")
    form: Mapping[str, Any] = {"type": "json_object"}
    if schema is not None:
        form = ResponseSchema.of(schema, strict=strict)
    told = {"method": method, **({} if strict is None else {"strict": strict})}
    bound = model.bind(
        response_format=form, ls_structured_output_format={"kwargs": told, "schema": schema}
    )
    parser = StructuredOutputParser(schema_=schema)
    if not include_raw:
        chain: Runnable[Any, Any] = bound | parser
        return chain
    assign = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | assign.with_fallbacks([failed], exception_key="parsing_error")
