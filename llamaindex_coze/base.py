"""`Coze`: a Coze bot as a LlamaIndex LLM."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.generic_utils import (
    achat_to_completion_decorator,
    astream_chat_to_completion_decorator,
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    MessageRole,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import ToolSelection
from pydantic import ConfigDict

from llamaindex_coze._settings import CozeSettings
from llamaindex_coze._structured import StructuredPrediction

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool

    from coze_core import Message


_NOT_JSON: Final = "arguments that are not a JSON object"


class Coze(StructuredPrediction, CozeSettings):
    """A Coze bot as an LLM for query engines, chat engines, agents and workflows.

    Args:
        bot_id: The bot (also `model`; `COZE_BOT_ID` if not given).
        workflow_id: A chatflow to talk to in place of a bot; with app_id or bot_id, where it
            belongs. Its other inputs are `parameters`.
        app_id: The app that the chatflow belongs to.
        api_key: The access token (also `token`; `COZE_API_TOKEN` if not given).
        base_url: The API host; `COZE_API_BASE`, else https://api.coze.com.
        region: `com` or `cn`, instead of `base_url`.
        server: `cloud` or `studio` (Coze Studio); `auto` finds out when it matters.
        protocol: `v3`; or `v2`, the old version of chats, for deployments that still have it: text
            only, history from the client, tools in text.
        user_id: Your id of the end user; `COZE_USER_ID`, else one made for this installation.
        history: `client` sends the messages given with every call; `server` continues the
            conversation that Coze keeps and sends only what is new.
        system: What to do with system messages, which Coze has not: `prefix`, `variable:<name>` or
            `error`.
        tool_calling: `auto` leaves tools that the bot has as local plugins to Coze and describes
            the others to the bot in the request; `native` and `prompt` do only one of the two.
        on_busy: What to do if the conversation has a running chat, which it has only one of:
            `error`, `wait`, `cancel_previous` or `new_conversation`.
        self_contained_tool_ids: Whether ids of tool calls say which chat waits for them, since
            agents do not always keep the message that made them.
        tracing: Whether work is traced with OpenTelemetry, or `coze_core.Tracing` for how; by
            default where a tracer provider has been configured.
        context_window: Tokens that LlamaIndex packs into a request; nothing of it is sent.
        num_output: Tokens that it leaves for the answer.

    Raises:
        ValueError: No bot, no token, or an option that does not exist.

    Example:
        >>> llm = Coze(bot_id="7379", api_key="pat_...")  # doctest: +SKIP
        >>> for chunk in llm.stream_complete("Tell me a story."):  # doctest: +SKIP
        ...     print(chunk.delta, end="", flush=True)
    """

    model_config = ConfigDict(defer_build=False)

    # -- chat

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Ask with a history.

        Args:
            messages: The history, the question last.
            kwargs: Per-call options, such as `conversation_id`, `stop`, `response_format`.

        Raises:
            ValueError: Nothing to ask, or a block that cannot be sent.
            CozeError: The server refused, the chat failed or the stream was cut.
        """
        return self._chat(messages, **kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Ask with a history and stream the answer.

        Args:
            messages: The history, the question last.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: While iterating: nothing to ask, or a block that cannot be sent.
            CozeError: While iterating: the server refused, the chat failed or was cut.
        """
        return self._stream_chat(messages, **kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Ask with a history.

        Args:
            messages: The history, the question last.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: Nothing to ask, or a block that cannot be sent.
            CozeError: The server refused, the chat failed or the stream was cut.
        """
        return await self._achat(messages, **kwargs)

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Ask with a history and stream the answer.

        Args:
            messages: The history, the question last.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: While iterating: nothing to ask, or a block that cannot be sent.
            CozeError: While iterating: the server refused, the chat failed or was cut.
        """
        opened = _Opened(messages)
        observed = await self._observed_astream_chat(opened, **kwargs)
        return _closing(observed, opened)

    @llm_chat_callback()
    async def _observed_astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        from llamaindex_coze import _engine as engine

        stream = engine.Unlisted(self._astream(messages, **kwargs))
        if isinstance(messages, _Opened):
            messages.stream = stream
        return stream

    # -- completion

    @llm_completion_callback()
    def complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponse:
        """Ask.

        Args:
            prompt: The question.
            formatted: Has no effect: a bot formats its prompt itself.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: Nothing to ask.
            CozeError: The server refused, the chat failed or the stream was cut.
        """
        return chat_to_completion_decorator(self._chat)(prompt, **kwargs)

    @llm_completion_callback()
    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseGen:
        """Ask and stream the answer.

        Args:
            prompt: The question.
            formatted: Has no effect: a bot formats its prompt itself.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: While iterating: nothing to ask.
            CozeError: While iterating: the server refused, the chat failed or was cut.
        """
        return stream_chat_to_completion_decorator(self._stream_chat)(prompt, **kwargs)

    @llm_completion_callback()
    async def acomplete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponse:
        """Ask.

        Args:
            prompt: The question.
            formatted: Has no effect: a bot formats its prompt itself.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: Nothing to ask.
            CozeError: The server refused, the chat failed or the stream was cut.
        """
        return await achat_to_completion_decorator(self._achat)(prompt, **kwargs)

    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """Ask and stream the answer.

        Args:
            prompt: The question.
            formatted: Has no effect: a bot formats its prompt itself.
            kwargs: Per-call options, as for `chat`.

        Raises:
            ValueError: While iterating: nothing to ask.
            CozeError: While iterating: the server refused, the chat failed or was cut.
        """
        opened = _OpenedPrompt(prompt)
        observed = await self._observed_astream_complete(opened, **kwargs)
        return _closing(observed, opened)

    @llm_completion_callback()
    async def _observed_astream_complete(
        self, prompt: str, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        from llamaindex_coze import _engine as engine

        async def open_stream(
            messages: Sequence[ChatMessage], **options: Any
        ) -> ChatResponseAsyncGen:
            stream = engine.Unlisted(self._astream(messages, **options))
            if isinstance(prompt, _OpenedPrompt):
                prompt.stream = stream
            return stream

        return await astream_chat_to_completion_decorator(open_stream)(prompt, **kwargs)

    # -- the work, unobserved: one event for each call of the user

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=False)
        dialogue = engine.converse(self.client, engine.entries_of(messages), ask)
        return engine.response_of(dialogue.until_done())

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=False)
        dialogue = engine.converse_async(self.async_client, engine.entries_of(messages), ask)
        return engine.response_of(await dialogue.until_done())

    def _stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse, None, None]:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=True)
        dialogue = engine.converse(self.client, engine.entries_of(messages), ask)
        maker = engine.ResponseMaker()
        with contextlib.closing(iter(dialogue)) as coming:
            for pieces in coming:
                yield from maker.responses(pieces)
                del pieces  # before more is waited for
        yield engine.response_of(dialogue.result)

    async def _astream(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse, None]:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=True)
        dialogue = engine.converse_async(self.async_client, engine.entries_of(messages), ask)
        maker = engine.ResponseMaker()
        async with contextlib.aclosing(aiter(dialogue)) as coming:
            async for pieces in coming:
                for response in maker.responses(pieces):
                    yield response
                del pieces  # before more is waited for
        yield engine.response_of(dialogue.result)

    # -- tools

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or ())
        if user_msg is not None:
            if isinstance(user_msg, str):
                user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
            messages.append(user_msg)
        described = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        if not described:
            return {"messages": messages, **kwargs}
        choice = tool_choice if tool_choice is not None else "any" if tool_required else None
        return {
            "messages": messages,
            "tools": described,
            **({} if choice is None else {"tool_choice": choice}),
            **kwargs,
        }

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        """Keep one call if that is what was asked for; the others are answered as not executed."""
        if not allow_parallel_tool_calls:
            message = response.message
            first = next((b for b in message.blocks if isinstance(b, ToolCallBlock)), None)
            message.blocks = [
                block
                for block in message.blocks
                if not isinstance(block, ToolCallBlock) or block is first
            ]
            if "tool_calls" in message.additional_kwargs:
                message.additional_kwargs["tool_calls"][1:] = []
        return response

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """Return the calls that a response asks for.

        Args:
            response: The response; those of a stream have the calls in the last one.
            error_on_no_tool_call: Whether none is an error.
            kwargs: Have no effect.

        Raises:
            ValueError: There is none, and that is an error.
        """
        found = [
            ToolSelection(
                tool_id=block.tool_call_id or "",
                tool_name=block.tool_name,
                tool_kwargs=_mapping(block.tool_kwargs),
            )
            for block in response.message.blocks
            if isinstance(block, ToolCallBlock)
        ]
        if not found and error_on_no_tool_call:
            raise ValueError(
                f"the bot called no tool, it said: {response.message.content!r}; a bot that lacks "
                "the tool is told of it in words, and may not follow"
            )
        return found

    # -- conversations that Coze keeps

    def load_messages(self, conversation_id: str, *, limit: int | None = None) -> list[ChatMessage]:
        """Return a conversation that Coze keeps, as messages that this model can go on from.

        Args:
            conversation_id: The conversation.
            limit: The most messages, the newest ones; all of them if None.

        Raises:
            CozeError: The server refused.

        Example:
            >>> memory.set(llm.load_messages("7381473525342978089"))  # doctest: +SKIP
        """
        from llamaindex_coze._stored import chat_messages

        pages = self.client.conversations.messages.list(
            conversation_id=conversation_id, order="desc"
        )
        found: list[Message] = []
        for message in pages:
            if limit is not None and len(found) >= limit:
                break
            found.append(message)
        return chat_messages(found[::-1], bot_id=self.model)

    async def aload_messages(
        self, conversation_id: str, *, limit: int | None = None
    ) -> list[ChatMessage]:
        """Return a conversation that Coze keeps, as messages that this model can go on from.

        Args:
            conversation_id: The conversation.
            limit: The most messages, the newest ones; all of them if None.

        Raises:
            CozeError: The server refused.

        Example:
            >>> await llm.aload_messages("7381473525342978089")  # doctest: +SKIP
        """
        from llamaindex_coze._stored import chat_messages

        pages = self.async_client.conversations.messages.list(
            conversation_id=conversation_id, order="desc"
        )
        found: list[Message] = []
        async for message in pages:
            if limit is not None and len(found) >= limit:
                break
            found.append(message)
        return chat_messages(found[::-1], bot_id=self.model)


def _mapping(arguments: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(arguments, dict):
        return arguments
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    from coze_core.dialog import raw_arguments

    # Called with nothing, a tool might do something; with this it fails and the bot is told why.
    return {_NOT_JSON: raw_arguments(arguments)}


class _Opened(list[ChatMessage]):
    """A history, and the stream that was opened for it."""

    stream: AsyncGenerator[Any, None] | None = None


class _OpenedPrompt(str):
    """A prompt, and the stream that was opened for it."""

    __slots__ = ("stream",)

    stream: AsyncGenerator[Any, None] | None


async def _closing(observed: Any, opened: _Opened | _OpenedPrompt) -> AsyncGenerator[Any, None]:
    """Pass a stream on, and close all of it at once when it is left.

    What LlamaIndex wraps around our generator does not close it; the garbage collector would, some
    turns of the event loop later, with the socket open and the chat running.
    """
    from llamaindex_coze import _engine as engine

    observed = engine.Unlisted(observed)
    try:
        async for response in observed:
            yield response
    finally:
        await observed.aclose()
        stream = getattr(opened, "stream", None)
        if stream is not None:
            await stream.aclose()


__all__ = ["Coze"]
