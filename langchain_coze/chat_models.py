"""`ChatCoze`: a Coze bot as a LangChain chat model."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import httpx
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool
from langchain_core.utils import from_env, secret_from_env
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from coze_core import (
    AsyncChatStream,
    AsyncCozeClient,
    Auth,
    ChatStream,
    CozeClient,
    CozeError,
    Timeouts,
    __version__,
    anonymous_user_id,
)
from coze_core.dialog import PlanOptions, plan
from langchain_coze._convert import PROVIDER, ChunkMaker, entries_of, result_of
from langchain_coze._errors import translate

# Per-call arguments that replace a field of the same name.
_PER_CALL = frozenset(
    {
        "bot_id",
        "user_id",
        "conversation_id",
        "history",
        "system",
        "custom_variables",
        "parameters",
        "meta_data",
        "auto_save_history",
        "extra_params",
        "shortcut_command",
        "enable_card",
        "publish_status",
        "bot_version",
        "connector_id",
        "cancel_on_close",
        "deadline",
    }
)
# Arguments of other models that mean nothing to a Coze bot, and do no harm.
_IGNORED = frozenset(
    {
        "temperature",
        "max_tokens",
        "stream",
        "stream_usage",
        "strict",
        "parallel_tool_calls",
        "tool_choice",
        "ls_structured_output_format",
    }
)


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request, ready to be streamed."""

    bot_id: str
    stops: list[str]
    arguments: dict[str, Any]


class ChatCoze(BaseChatModel):
    """A Coze bot as a chat model.

    Setup:
        Install ``coze-bridge[langchain]`` and set ``COZE_API_TOKEN``; publish the bot to the API
        channel. For coze.cn set ``region="cn"``.

    Key init args:
        bot_id: The bot (also ``model``; ``COZE_BOT_ID`` if not given).
        api_key: The access token; ``COZE_API_TOKEN`` if not given.
        base_url: The API host; ``COZE_API_BASE``, else https://api.coze.com.
        region: ``"com"`` or ``"cn"``, instead of ``base_url``.
        user_id: Your id of the end user; ``COZE_USER_ID``, else one made for this installation.
        history: ``"client"`` sends the messages given with every call; ``"server"`` continues the
            conversation that Coze keeps and sends only what is new.
        system: What to do with system messages, which Coze has not: ``"prefix"``,
            ``"variable:<name>"`` or ``"error"``.

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

    Token usage:
        ``message.usage_metadata``; None where the server does not count.

    Response metadata:
        ``conversation_id``, ``chat_id``, ``logid``, ``finish_reason``, ``follow_ups``.

    Raises:
        ValueError: No bot, no token (at the first call), or an option that does not exist.
    """

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True)

    bot_id: str = Field(
        default_factory=from_env("COZE_BOT_ID", default=""),
        validation_alias=AliasChoices("bot_id", "model"),
        validate_default=True,
    )
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("COZE_API_TOKEN", default=None),
        validation_alias=AliasChoices("api_key", "token"),
    )
    base_url: str | None = Field(default_factory=from_env("COZE_API_BASE", default=None))
    region: Literal["com", "cn"] | None = None
    user_id: str | None = Field(default_factory=from_env("COZE_USER_ID", default=None))
    conversation_id: str | None = None
    history: Literal["client", "server"] = "client"
    system: str = "prefix"
    stop: list[str] | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    streaming: bool = False
    timeout: float | Timeouts | None = None
    max_retries: int = 2
    temperature: float | None = None
    """Accepted for the sake of other models; a bot's temperature is set where the bot is made."""
    max_tokens: int | None = None
    """Accepted for the sake of other models; a bot's limit is set where the bot is made."""
    custom_variables: dict[str, str] | None = None
    parameters: dict[str, Any] | None = None
    meta_data: dict[str, str] | None = None
    auto_save_history: bool = True
    extra_params: dict[str, str] | None = None
    shortcut_command: dict[str, Any] | None = None
    enable_card: bool | None = None
    publish_status: str | None = None
    bot_version: str | None = None
    connector_id: str | None = None
    cancel_on_close: bool = True
    deadline: float | None = None
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    auth: Auth | None = Field(default=None, exclude=True, repr=False)
    http_client: httpx.Client | None = Field(default=None, exclude=True, repr=False)
    http_async_client: httpx.AsyncClient | None = Field(default=None, exclude=True, repr=False)
    transport: httpx.BaseTransport | None = Field(default=None, exclude=True, repr=False)
    async_transport: httpx.AsyncBaseTransport | None = Field(default=None, exclude=True, repr=False)

    _clients: dict[str, tuple[object, Any]] = PrivateAttr(default_factory=dict)

    # -- construction

    @model_validator(mode="before")
    @classmethod
    def _warn_of_unknown_arguments(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        known = set(cls.model_fields)
        for field in cls.model_fields.values():
            if isinstance(field.validation_alias, AliasChoices):
                known |= {str(choice) for choice in field.validation_alias.choices}
            elif field.alias:
                known.add(field.alias)
        for name in values.keys() - known:
            near = difflib.get_close_matches(name, known, n=1)
            did_you_mean = f"; did you mean {near[0]!r}?" if near else ""
            warnings.warn(
                f"ChatCoze has no argument {name!r}, it is ignored{did_you_mean}", stacklevel=5
            )
        return values

    @field_validator("bot_id")
    @classmethod
    def _need_a_bot(cls, value: str) -> str:
        if not value.strip():
            raise ValueError(
                "no bot: pass bot_id= or set COZE_BOT_ID / 未指定机器人：请传入 bot_id="
            )
        return value

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        PlanOptions(bot_id=self.bot_id, history=self.history, system=self.system)
        return self

    @model_validator(mode="after")
    def _set_coze_version(self) -> Self:
        self._add_version("langchain-coze", __version__)
        return self

    # -- what LangChain wants to know

    @property
    def model(self) -> str:
        """The bot's id, under the name that other models have for it."""
        return self.bot_id

    @property
    def model_name(self) -> str:
        """The bot's id, under the name that other models have for it."""
        return self.bot_id

    @property
    def _llm_type(self) -> str:
        return "coze-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        params = {
            name: getattr(self, name)
            for name in (
                "base_url",
                "region",
                "history",
                "system",
                "conversation_id",
                "publish_status",
                "bot_version",
                "stop",
            )
        }
        given = {name: value for name, value in params.items() if value is not None}
        return {"bot_id": self.bot_id, **given}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = kwargs.get("model") or kwargs.get("bot_id") or self.bot_id
        stops = stop or self.stop
        if stops:
            params["ls_stop"] = stops
        return params

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The variable that holds each secret field."""
        return {"api_key": "COZE_API_TOKEN"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether `dumps` and `load` work."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where `load` finds this class."""
        return ["langchain_coze", "chat_models"]

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text; a bot's own tokenizer is not known.

        Args:
            text: The text.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return count_tokens_approximately([("user", text)], extra_tokens_per_message=0)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """Estimate the tokens of messages.

        Args:
            messages: The messages.
            tools: Not counted: a bot's tools are its own.
        """
        del tools
        if self.custom_get_token_ids is not None:
            return sum(len(self.custom_get_token_ids(message.text)) for message in messages)
        return count_tokens_approximately(messages)

    # -- the four ways to ask

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - core fires tokens
        **kwargs: Any,
    ) -> ChatResult:
        ask = self._ask(messages, stop, kwargs)
        maker = ChunkMaker(ask.bot_id, ask.stops)
        pieces: list[str] = []
        try:
            with self._stream_of(ask) as stream:
                for increment in stream.increments():
                    pieces.append(maker.matcher.feed(increment.text))
                    if maker.matcher.stopped:
                        break
        except CozeError as error:
            raise translate(error) from error
        text = "".join(pieces) if maker.matcher.stopped else None
        return result_of(stream.turn, maker, ask.bot_id, text)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as above
        **kwargs: Any,
    ) -> ChatResult:
        ask = self._ask(messages, stop, kwargs)
        maker = ChunkMaker(ask.bot_id, ask.stops)
        pieces: list[str] = []
        try:
            async with self._async_stream_of(ask) as stream:
                async for increment in stream.increments():
                    pieces.append(maker.matcher.feed(increment.text))
                    if maker.matcher.stopped:
                        break
        except CozeError as error:
            raise translate(error) from error
        text = "".join(pieces) if maker.matcher.stopped else None
        return result_of(stream.turn, maker, ask.bot_id, text)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        ask = self._ask(messages, stop, kwargs)
        maker = ChunkMaker(ask.bot_id, ask.stops)
        try:
            with self._stream_of(ask) as stream:
                for increment in stream.increments():
                    for chunk in maker.chunks(increment):
                        if run_manager is not None:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                    if maker.matcher.stopped:
                        break
        except CozeError as error:
            raise translate(error) from error
        for chunk in maker.last(stream.turn):
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        ask = self._ask(messages, stop, kwargs)
        maker = ChunkMaker(ask.bot_id, ask.stops)
        try:
            async with self._async_stream_of(ask) as stream:
                async for batch in stream.batches():
                    for increment in batch:
                        for chunk in maker.chunks(increment):
                            if run_manager is not None:
                                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                            yield chunk
                        if maker.matcher.stopped:
                            break
                    if maker.matcher.stopped:
                        break
        except CozeError as error:
            raise translate(error) from error
        for chunk in maker.last(stream.turn):
            if run_manager is not None:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    # -- planning

    def _ask(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> _Ask:
        """Plan one request from messages, fields and per-call arguments, the latter winning."""
        options = {name: getattr(self, name) for name in _PER_CALL} | self._per_call(kwargs)
        planned = plan(
            entries_of(messages),
            PlanOptions(
                bot_id=options["bot_id"],
                history=options.pop("history"),
                system=options.pop("system"),
                conversation_id=options.pop("conversation_id"),
            ),
        )
        if planned.dropped:
            warnings.warn(
                f"Coze takes 100 messages: the {planned.dropped} oldest were not sent; "
                "trim or summarize the history",
                stacklevel=2,
            )
        variables = {**(options.pop("custom_variables") or {}), **planned.custom_variables}
        arguments = {
            **options,
            "user_id": options["user_id"] or anonymous_user_id(),
            "messages": planned.messages,
            "conversation_id": planned.conversation_id,
            "custom_variables": variables or None,
        }
        stops = stop if stop is not None else self.stop
        return _Ask(options["bot_id"], list(stops or ()), arguments)

    def _per_call(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(kwargs)
        if "model" in given:
            given["bot_id"] = given.pop("model")
        if given.pop("tools", None):
            raise ValueError("this version of ChatCoze cannot bind tools: declare them on the bot")
        if given.pop("n", None) not in {None, 1}:
            raise ValueError("n is not supported: a Coze bot gives one answer; use batch()")
        for name in given.keys() - _PER_CALL - _IGNORED:
            near = difflib.get_close_matches(name, _PER_CALL, n=1)
            did_you_mean = f"; did you mean {near[0]!r}?" if near else ""
            warnings.warn(
                f"ChatCoze has no per-call argument {name!r}, it is ignored{did_you_mean}",
                stacklevel=2,
            )
        return {name: value for name, value in given.items() if name in _PER_CALL}

    def _stream_of(self, ask: _Ask) -> ChatStream:
        return self.client.chat.stream(**ask.arguments)

    def _async_stream_of(self, ask: _Ask) -> AsyncChatStream:
        return self.async_client.chat.stream(**ask.arguments)

    # -- clients

    @property
    def client(self) -> CozeClient:
        """The blocking client behind this model; made at its first use."""
        found: CozeClient = self._client("sync", self.http_client, self.transport, CozeClient)
        return found

    @property
    def async_client(self) -> AsyncCozeClient:
        """The awaiting client behind this model; made at its first use."""
        found: AsyncCozeClient = self._client(
            "async", self.http_async_client, self.async_transport, AsyncCozeClient
        )
        return found

    def _client(
        self, kind: str, http_client: object, transport: object, make: Callable[..., Any]
    ) -> Any:
        secret = self.api_key.get_secret_value() if self.api_key else None
        base_url = None if self.region else self.base_url
        timeout = self.timeout
        headers = tuple(sorted((self.default_headers or {}).items()))
        settings = (
            *(secret, id(self.auth), base_url, self.region, timeout, self.max_retries),
            *(headers, self.proxy, id(http_client), id(transport)),
        )
        # Made anew when a setting has changed, as after `model_copy(update=...)`.
        known = self._clients.get(kind)
        if known is not None and known[0] == settings:
            return known[1]
        client = make(
            None if self.auth else secret,
            auth=self.auth,
            base_url=base_url,
            region=self.region,
            timeout=timeout,
            max_retries=self.max_retries,
            headers=self.default_headers,
            proxy=self.proxy,
            http_client=http_client,
            transport=transport,
        )
        self._clients = {**self._clients, kind: (settings, client)}
        return client

    def close(self) -> None:
        """Close the blocking client's connections; the model stays usable."""
        if "sync" in self._clients:
            self._clients["sync"][1].close()

    async def aclose(self) -> None:
        """Close the awaiting client's connections of this loop; the model stays usable."""
        if "async" in self._clients:
            await self._clients["async"][1].aclose()

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        private["_clients"] = {}
        return {**state, "__pydantic_private__": private}
