"""What a `Coze` is made of: its fields, and the clients behind it."""

from __future__ import annotations

import os
import pickle
import warnings
from typing import TYPE_CHECKING, Any, Final, Literal

from llama_index.core.base.llms.types import LLMMetadata, MessageRole
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import AliasChoices, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from coze_core import ModelClients, Timeouts

if TYPE_CHECKING:
    from coze_core import Auth
else:  # the client is imported when a model is made
    Auth = Any

# Where a setting comes from if it is not given.
_ENVIRONMENT: Final = {
    "bot_id": "COZE_BOT_ID",
    "api_key": "COZE_API_TOKEN",
    "base_url": "COZE_API_BASE",
    "user_id": "COZE_USER_ID",
}


class CozeSettings(ModelClients, FunctionCallingLLM):
    """The fields of `Coze` and what follows from them; see there."""

    # Nobody makes one of these, so its validators are never built; those of `Coze` are.
    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True, defer_build=True)

    bot_id: str = Field(
        default="", validation_alias=AliasChoices("bot_id", "model"), validate_default=True
    )
    api_key: SecretStr | None = Field(
        default=None,
        exclude=True,
        repr=False,
        validation_alias=AliasChoices("api_key", "token"),
    )
    base_url: str | None = None
    region: Literal["com", "cn"] | None = None
    server: Literal["auto", "cloud", "studio"] = "auto"
    protocol: Literal["v3", "v2"] = "v3"
    user_id: str | None = None
    workflow_id: str | None = None
    app_id: str | None = None
    conversation_id: str | None = None
    history: Literal["client", "server"] = "client"
    system: str = "prefix"
    tool_calling: Literal["auto", "native", "prompt"] = "auto"
    on_stale_chat: Literal["replay", "raise"] = "replay"
    self_contained_tool_ids: bool = True
    stop: list[str] | None = None
    timeout: float | Timeouts | None = None
    max_retries: int = 2
    context_window: int = 32_768
    num_output: int = 2048
    is_function_calling_model: bool = True
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
    on_busy: Literal["error", "wait", "cancel_previous", "new_conversation"] = "error"
    busy_timeout: float = 60.0
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    auth: Auth | None = Field(default=None, exclude=True, repr=False)
    tracing: Any = Field(default=None, exclude=True, repr=False)
    conversation_lock: Any = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    transport: Any = Field(default=None, exclude=True, repr=False)
    async_transport: Any = Field(default=None, exclude=True, repr=False)

    _clients: dict[str, tuple[tuple[object, ...], Any]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_environment(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        found = dict(values)
        for name, variable in _ENVIRONMENT.items():
            others = {"bot_id": "model", "api_key": "token"}.get(name, name)
            if found.get(name) is None and found.get(others) is None:
                value = os.environ.get(variable, "").strip()
                if value:
                    found[name] = value
        known = {*cls.model_fields, "model", "token", "class_name"}
        for name in found.keys() - known:
            from coze_core.dialog import suggestion

            warnings.warn(
                f"Coze has no argument {name!r}, it is ignored{suggestion(name, known)}",
                stacklevel=5,
            )
        return found

    @model_validator(mode="after")
    def _check_settings(self) -> CozeSettings:
        if not self.bot_id.strip() and not self.workflow_id:
            raise ValueError(
                "no bot: pass bot_id= or set COZE_BOT_ID / 未指定机器人：请传入 bot_id="
            )
        if self.api_key is None and self.auth is None:
            raise ValueError(
                "no token: set COZE_API_TOKEN or pass api_key= / "
                "未提供令牌：请设置 COZE_API_TOKEN 或传入 api_key="
            )
        from llamaindex_coze import _engine as engine

        engine.check_settings(self)
        return self

    # -- what LlamaIndex wants to know

    @classmethod
    def class_name(cls) -> str:
        """The name under which this is serialized."""
        return "coze_llm"

    @property
    def model(self) -> str:
        """The bot's id, or the chatflow's, under the name that other models have for it."""
        return self.workflow_id or self.bot_id

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex asks about the model; nothing of it is sent to Coze.

        The context window is for packing on our side: a bot does not tell its model's.
        """
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.num_output,
            is_chat_model=True,
            is_function_calling_model=self.is_function_calling_model,
            model_name=self.model,
            system_role=MessageRole.SYSTEM,
        )

    def to_payload(self) -> dict[str, Any]:
        """Return what observers are told of this model: no token, no headers, no user."""
        return {**super().to_payload(), "model": self.model, "bot_id": self.bot_id}

    def __getstate__(self) -> dict[str, Any]:
        # The base class leaves out what cannot be pickled. That must not be the credential: the
        # copy would work for another account, that of its environment.
        pickle.dumps(self.auth)
        clients, self._clients = self._clients, {}
        try:
            state = super().__getstate__()
        finally:
            self._clients = clients
        # Without a key the copy reads that of the environment where it wakes.
        return {**state, "__dict__": self.travelling(state["__dict__"])}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> CozeSettings:
        clients, self._clients = self._clients, {}
        try:
            return super().__deepcopy__(memo)
        finally:
            self._clients = clients
