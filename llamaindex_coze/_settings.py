"""What a `Coze` is made of: its fields, and the clients behind it."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import InitVar
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from llama_index.core.base.llms.types import LLMMetadata, MessageRole
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import AliasChoices, ConfigDict, Field, SecretStr, model_validator

from coze_core import ModelConnection, ModelSettings, from_environment

if TYPE_CHECKING:
    Key: TypeAlias = SecretStr | str | Callable[[], Any] | None
else:  # what is kept of a key shows nothing of it
    Key = SecretStr | None

# Other names of settings.
_NAMES: Final = {"bot_id": ("model", "model_name"), "api_key": ("token",)}
# Where a setting comes from if it is not given.
_ENVIRONMENT: Final[dict[str, Literal["bot_id", "token", "base_url", "user_id"]]] = {
    "bot_id": "bot_id",
    "api_key": "token",
    "base_url": "base_url",
    "user_id": "user_id",
}


class CozeSettings(ModelSettings, ModelConnection, FunctionCallingLLM):
    """The fields of `Coze` and what follows from them; see there."""

    # Nobody makes one of these, so its validators are never built; those of `Coze` are.
    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        hide_input_in_errors=True,  # which may be, or hold, the token
    )

    bot_id: str = Field(
        default="",
        validation_alias=AliasChoices("bot_id", "model", "model_name"),
        validate_default=True,
    )
    api_key: Key = Field(
        default=None,
        exclude=True,
        repr=False,
        validation_alias=AliasChoices("api_key", "token"),
    )
    if TYPE_CHECKING:
        token: InitVar[Key] = Field(default=None)

    base_url: str | None = None
    user_id: str | None = None
    self_contained_tool_ids: bool = True
    stop: list[str] | None = None
    context_window: int = 32_768
    num_output: int = 2048
    is_function_calling_model: bool = True

    @model_validator(mode="before")
    @classmethod
    def _read_environment(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        found = cls.with_one_credential(values)
        for name, setting in _ENVIRONMENT.items():
            if name == "api_key" and found.get("auth") is not None:
                continue
            names = (name, *_NAMES.get(name, ()))
            if all(found.get(other) is None for other in names):
                value = from_environment(setting)
                if value is not None:
                    found[name] = value
        known = {*cls.model_fields, *sum(_NAMES.values(), ()), "class_name"}
        for name in found.keys() - known:
            from coze_core.dialog import suggestion

            warnings.warn(
                f"Coze has no argument {name!r}, it is ignored{suggestion(name, known)}",
                stacklevel=5,
            )
        return found

    @model_validator(mode="after")
    def _check_settings(self) -> CozeSettings:
        self._check_bot()
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
        # The base class leaves out what cannot be pickled. Nothing of the connection may be: the
        # copy would work for another account, that of its environment, or by another way.
        self.travelling({})
        pickle.dumps([self.__dict__[name] for name in ModelConnection.model_fields])
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
