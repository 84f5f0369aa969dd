"""`Coze`: a Coze bot as a LlamaIndex LLM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from pydantic import ConfigDict

from llamaindex_coze._asking import Asking
from llamaindex_coze._leaving import Opened, OpenedPrompt, closing
from llamaindex_coze._structured import StructuredPrediction
from llamaindex_coze._tool_calling import ToolCalling


class Coze(StructuredPrediction, ToolCalling, Asking):
    """A Coze bot as an LLM for query engines, chat engines, agents and workflows.

    Args:
        bot_id: The bot (also `model` and `model_name`; `COZE_BOT_ID` if not given).
        workflow_id: A chatflow to talk to in place of a bot; with app_id or bot_id, where it
            belongs. Its other inputs are `parameters`.
        app_id: The app that the chatflow belongs to.
        api_key: The access token, or a function that returns it (also `token`; `COZE_API_TOKEN` if
            not given).
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
        merge_reads: Whether what one read of the network brings of an answer is one response, which
            costs less where tokens come in bursts.
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
        """Ask with a history; see `chat`."""
        return await self._achat(messages, **kwargs)

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Ask with a history and stream the answer; see `stream_chat`."""
        opened = Opened(messages)
        observed = await self._observed_astream_chat(opened, **kwargs)
        return closing(observed, opened)

    @llm_chat_callback()
    async def _observed_astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        from llamaindex_coze import _engine as engine

        stream = engine.Unlisted(self._astream(messages, **kwargs))
        if isinstance(messages, Opened):
            messages.stream = stream
        return stream

    # -- completion

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
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
        self, prompt: str, formatted: bool = False, **kwargs: Any
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
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Ask; see `complete`."""
        return await achat_to_completion_decorator(self._achat)(prompt, **kwargs)

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Ask and stream the answer; see `stream_complete`."""
        opened = OpenedPrompt(prompt)
        observed = await self._observed_astream_complete(opened, **kwargs)
        return closing(observed, opened)

    @llm_completion_callback()
    async def _observed_astream_complete(
        self, prompt: str, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        from llamaindex_coze import _engine as engine

        async def open_stream(
            messages: Sequence[ChatMessage], **options: Any
        ) -> ChatResponseAsyncGen:
            stream = engine.Unlisted(self._astream(messages, **options))
            if isinstance(prompt, OpenedPrompt):
                prompt.stream = stream
            return stream

        return await astream_chat_to_completion_decorator(open_stream)(prompt, **kwargs)

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
        from llamaindex_coze import _engine as engine

        found = engine.stored_history(self.client, conversation_id, bot_id=self.model, limit=limit)
        return [engine.stored_message(entry) for entry in found]

    async def aload_messages(
        self, conversation_id: str, *, limit: int | None = None
    ) -> list[ChatMessage]:
        """Return a conversation that Coze keeps; see `load_messages`."""
        from llamaindex_coze import _engine as engine

        found = await engine.stored_history_async(
            self.async_client, conversation_id, bot_id=self.model, limit=limit
        )
        return [engine.stored_message(entry) for entry in found]


__all__ = ["Coze"]
