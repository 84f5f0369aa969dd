"""`ChatCoze`: a Coze bot as a LangChain chat model."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict

from langchain_coze import _blocks
from langchain_coze._settings import ChatCozeSettings

_blocks.register()


class ChatCoze(ChatCozeSettings):
    """A Coze bot as a chat model.

    Setup:
        Install ``coze-bridge[langchain]`` and set ``COZE_API_TOKEN``; publish the bot to the API
        channel. For coze.cn set ``region="cn"``.

    Key init args:
        bot_id: The bot (also ``model`` and ``model_name``; ``COZE_BOT_ID`` if not given).
        workflow_id: A chatflow to talk to in place of a bot; with ``app_id`` or ``bot_id``, where
            it belongs. Its other inputs are ``parameters``.
        app_id: The app that the chatflow belongs to.
        api_key: The access token, or a function that returns it; ``COZE_API_TOKEN`` if not given.
        base_url: The API host; ``COZE_API_BASE``, else https://api.coze.com.
        region: ``"com"`` or ``"cn"``, instead of ``base_url``.
        server: ``"cloud"`` or ``"studio"`` (Coze Studio); ``"auto"`` finds out when it matters.
        protocol: ``"v3"``; or ``"v2"``, the old version of chats, for deployments that still have
            it: text only, history from the client, tools in text.
        user_id: Your id of the end user; ``COZE_USER_ID``, else one made for this installation.
        history: ``"client"`` sends the messages given with every call; ``"server"`` continues the
            conversation that Coze keeps and sends only what is new.
        system: What to do with system messages, which Coze has not: ``"prefix"``,
            ``"variable:<name>"`` or ``"error"``.
        tool_calling: ``"auto"`` leaves bound tools that the bot has as local plugins to Coze and
            describes the others to the bot in the request; ``"native"`` and ``"prompt"`` do only
            the one or the other.
        on_busy: What to do if the conversation has a running chat, which it has only one of:
            ``"error"``, ``"wait"``, ``"cancel_previous"`` or ``"new_conversation"``.
        on_stale_chat: What to do with tool results for a chat that has gone another way:
            ``"replay"`` tells a new chat, ``"raise"`` gives the server's error.
        self_contained_tool_ids: Whether ids of tool calls say which chat waits for them, for
            frontends that keep ids but no metadata.
        merge_reads: Whether what one read of the network brings of an answer is one chunk, which
            costs a fifth at twenty tokens a read; callbacks then see fewer and longer pieces.
        tracing: Whether work is traced with OpenTelemetry, or ``coze_core.Tracing`` for how; by
            default where a tracer provider has been configured.

    Instantiate:
        .. code-block:: python

            from langchain_coze import ChatCoze

            model = ChatCoze(bot_id="7379462189365198898", region="com")

    Invoke:
        .. code-block:: python

            model.invoke("What day is it?").text

    Stream:
        .. code-block:: python

            for chunk in model.stream("Tell me a story."):
                print(chunk.text, end="", flush=True)

    Async:
        .. code-block:: python

            await model.ainvoke("What day is it?")

    Tool calling:
        .. code-block:: python

            def get_weather(city: str) -> str:
                '''Tell the weather in a city.'''
                return f"Sunny in {city}."


            model.bind_tools([get_weather]).invoke("What is the weather in Paris?").tool_calls

    Structured output:
        .. code-block:: python

            from pydantic import BaseModel


            class Joke(BaseModel):
                setup: str
                punchline: str


            model.with_structured_output(Joke).invoke("Tell me a joke about cats.")

    Image input:
        .. code-block:: python

            model.invoke(
                [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What is on this picture?"},
                            {"type": "image", "url": "https://example.com/cat.png"},
                        ],
                    }
                ]
            )

    Token usage:
        ``message.usage_metadata``; None where the server does not count.

    Response metadata:
        ``conversation_id``, ``chat_id``, ``logid``, ``finish_reason``, ``follow_ups``; ``coze``
        holds what the next call needs to go on from here.

    Raises:
        ValueError: No bot, no token (at the first call), or an option that does not exist.
    """

    model_config = ConfigDict(defer_build=False)

    # -- the four ways to ask

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - core fires tokens
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_coze import _engine as engine

        ask = engine.ask_of(self, stop, kwargs, streamed=False)
        try:
            return engine.result_of(
                engine.converse(self.client, engine.entries_of(messages), ask).until_done()
            )
        except engine.CozeError as error:
            raise engine.translate(error, data=ask.response_format is not None) from error

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as above
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_coze import _engine as engine

        ask = engine.ask_of(self, stop, kwargs, streamed=False)
        dialogue = engine.converse_async(self.async_client, engine.entries_of(messages), ask)
        try:
            return engine.result_of(await dialogue.until_done())
        except engine.CozeError as error:
            raise engine.translate(error, data=ask.response_format is not None) from error

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_coze import _engine as engine

        ask = engine.ask_of(self, stop, kwargs, streamed=True)
        dialogue = engine.converse(self.client, engine.entries_of(messages), ask)
        try:
            with contextlib.closing(iter(dialogue)) as coming:
                for pieces in coming:
                    for chunk in engine.chunks_of(pieces):
                        if run_manager is not None:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                    del pieces  # before more is waited for
        except engine.CozeError as error:
            raise engine.translate(error, data=ask.response_format is not None) from error
        chunk = engine.last_chunk(dialogue.result)
        if run_manager is not None:
            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_coze import _engine as engine

        return engine.Unlisted(self._chunks(messages, stop, run_manager, kwargs))

    async def _chunks(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: AsyncCallbackManagerForLLMRun | None,
        kwargs: dict[str, Any],
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        from langchain_coze import _engine as engine

        ask = engine.ask_of(self, stop, kwargs, streamed=True)
        dialogue = engine.converse_async(self.async_client, engine.entries_of(messages), ask)
        try:
            async with contextlib.aclosing(aiter(dialogue)) as coming:
                async for pieces in coming:
                    for chunk in engine.chunks_of(pieces):
                        if run_manager is not None:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                    del pieces  # before more is waited for
        except engine.CozeError as error:
            raise engine.translate(error, data=ask.response_format is not None) from error
        chunk = engine.last_chunk(dialogue.result)
        if run_manager is not None:
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk

    # -- tools and data

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools that the caller runs.

        Tools that the bot has as local plugins are called by Coze; the others are described to the
        bot in the request, and its calls are read out of its text (see ``tool_calling``).

        Args:
            tools: Functions, tools, pydantic classes, or mappings in OpenAI's form.
            tool_choice: A tool's name, ``"any"``, ``"none"`` or ``"auto"``, or a mapping in
                OpenAI's form. Coze cannot enforce it: the bot is told.
            strict: Accepted for the sake of other models.
            kwargs: Further arguments of a call.

        Raises:
            ValueError: Something that is no function, or a choice that is none of them.

        Example:
            >>> model.bind_tools([get_weather], tool_choice="any")  # doctest: +SKIP
        """
        from langchain_coze import _engine as engine

        del strict
        return self.bind(**engine.bound_tools(self.model, tools, tool_choice), **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return this model, answering with data instead of words.

        Coze takes no schema, so it is put into words in the request; the answer is checked, and
        asked for once more if it does not fit.

        Args:
            schema: A pydantic class, a TypedDict, a JSON schema or an OpenAI function.
            include_raw: Whether to return ``{"raw", "parsed", "parsing_error"}``.
            method: ``"json_schema"``, ``"json_mode"`` or ``"function_calling"``; here they are one.
            strict: Accepted for the sake of other models.
            kwargs: None; anything is refused.

        Raises:
            ValueError: Unknown arguments, or a method that does not exist.
            OutputParserException: When called: the answer does not fit.

        Example:
            >>> model.with_structured_output(Joke).invoke("Tell me a joke.")  # doctest: +SKIP
        """
        if kwargs:
            raise ValueError(f"with_structured_output has no arguments {sorted(kwargs)}")
        from langchain_coze import _engine as engine

        return engine.structured(
            self, schema, include_raw=include_raw, method=method, strict=strict
        )

    # -- conversations that Coze keeps

    def load_messages(self, conversation_id: str, *, limit: int | None = None) -> list[BaseMessage]:
        """Return a conversation that Coze keeps, as messages that this model can go on from.

        Args:
            conversation_id: The conversation.
            limit: The most messages, the newest ones; all of them if None.

        Raises:
            CozeError: The server refused.

        Example:
            >>> model.load_messages("7381473525342978089", limit=20)  # doctest: +SKIP
        """
        from langchain_coze import _engine as engine

        try:
            found = engine.stored_history(
                self.client, conversation_id, bot_id=self.model, limit=limit
            )
        except engine.CozeError as error:
            raise engine.translate(error) from error
        return [engine.stored_message(entry) for entry in found]

    async def aload_messages(
        self, conversation_id: str, *, limit: int | None = None
    ) -> list[BaseMessage]:
        """Return a conversation that Coze keeps, as messages that this model can go on from.

        Args:
            conversation_id: The conversation.
            limit: The most messages, the newest ones; all of them if None.

        Raises:
            CozeError: The server refused.

        Example:
            >>> await model.aload_messages("7381473525342978089", limit=20)  # doctest: +SKIP
        """
        from langchain_coze import _engine as engine

        try:
            found = await engine.stored_history_async(
                self.async_client, conversation_id, bot_id=self.model, limit=limit
            )
        except engine.CozeError as error:
            raise engine.translate(error) from error
        return [engine.stored_message(entry) for entry in found]
