"""What a `ChatCoze` is made of: its fields, its identity, and the clients behind it."""

from __future__ import annotations

import math
import re
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar
from typing import TYPE_CHECKING, Any, Final, Self

from langchain_core.language_models import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.tools import BaseTool
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    model_validator,
)

from coze_core import ModelSettings, __version__, from_environment
from langchain_coze._connection import Connection
from langchain_coze._names import PROVIDER

# What LangChain asks a model about itself. Tool calls are native where the bot has the tool and
# made in text elsewhere; a schema is put into words and the answer checked.
_PROFILE: Final[dict[str, Any]] = {
    "text_inputs": True,
    "image_inputs": True,
    "image_url_inputs": True,
    "pdf_inputs": True,
    "audio_inputs": True,
    "video_inputs": False,
    "image_tool_message": True,
    "pdf_tool_message": True,
    "text_outputs": True,
    "reasoning_output": True,
    "tool_calling": True,
    "tool_choice": False,
    "structured_output": True,
    "temperature": False,
}
# The old version of chats takes and gives text only.
_V2_PROFILE: Final = dict.fromkeys(
    (
        "image_inputs",
        "image_url_inputs",
        "pdf_inputs",
        "audio_inputs",
        "image_tool_message",
        "pdf_tool_message",
        "reasoning_output",
    ),
    False,
)
# Names that the community package's ChatCoze has for the same things.
_FORMER: Final = {
    "coze_api_base": "base_url",
    "coze_api_key": "api_key",
    "request_timeout": "timeout",
    "user": "user_id",
}


# LangChain takes four characters for a token, whatever they are; of Chinese, Japanese or Korean
# ones a token holds about one and a half.
_WIDE: Final = re.compile("[\u2e80-\U0010ffff]")
_MORE_FOR_WIDE: Final = 1 / 1.5 - 1 / 4


_SERIALIZED: Final = "_serialized"
_OF_CONVERSATIONS: Final = ("history", "conversation_id")
_SECRET: Final = frozenset({"api_key", "token", "auth", "default_headers", "coze_api_key"})


class ChatCozeSettings(ModelSettings, Connection, BaseChatModel):
    """The fields of `ChatCoze` and what follows from them; see there."""

    # Nobody makes one of these, so its validators are never built; those of `ChatCoze` are.
    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        hide_input_in_errors=True,
    )

    bot_id: str = Field(
        default_factory=lambda: from_environment("bot_id") or "",
        validation_alias=AliasChoices("bot_id", "model", "model_name"),
        validate_default=True,
    )
    user_id: str | None = Field(default_factory=lambda: from_environment("user_id"))
    self_contained_tool_ids: bool = False
    stop: list[str] | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    streaming: bool = False
    if TYPE_CHECKING:
        stop_sequences: InitVar[list[str] | None] = Field(default=None)

    # -- construction

    @model_validator(mode="before")
    @classmethod
    def _read_other_names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = _renamed(values)
        known = set(cls.model_fields)
        for field in cls.model_fields.values():
            if isinstance(field.validation_alias, AliasChoices):
                known |= {str(choice) for choice in field.validation_alias.choices}
            elif field.alias:
                known.add(field.alias)
        for name in values.keys() - known:
            from coze_core.dialog import suggestion

            warnings.warn(
                f"ChatCoze has no argument {name!r}, it is ignored{suggestion(name, known)}",
                stacklevel=5,
            )
        return values

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        self._check_bot()
        from langchain_coze import _engine as engine

        engine.check_settings(self)
        return self

    @model_validator(mode="after")
    def _set_coze_version(self) -> Self:
        self._add_version("langchain-coze", __version__)
        return self

    def _resolve_model_profile(self) -> Any:
        return _PROFILE | _V2_PROFILE if self.protocol == "v2" else dict(_PROFILE)

    # -- what LangChain wants to know

    @property
    def _llm_type(self) -> str:
        return "coze-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        fields = self.__dict__  # `getattr` takes a model of pydantic's many times as long
        params = {
            name: fields[name]
            for name in (
                "base_url",
                "region",
                "protocol",
                "history",
                "system",
                "tool_calling",
                "conversation_id",
                "publish_status",
                "bot_version",
                "workflow_id",
                "app_id",
                "stop",
            )
        }
        given = {name: value for name, value in params.items() if value is not None}
        return {"bot_id": self.bot_id, **given}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = kwargs.get("model") or kwargs.get("bot_id") or self.model
        stops = stop or self.stop
        if stops:
            params["ls_stop"] = stops
        return params

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        # Arguments of a call appear in traces; some people put a key there, where it has no effect.
        shown = {name: "***" if name in _SECRET else value for name, value in kwargs.items()}
        # What the base class does, without its detour over a deprecated method.
        return {**self._identifying_params, "_type": self._llm_type, "stop": stop, **shown}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        found = super()._get_llm_string(stop=stop, **kwargs)
        told = {name: kwargs.get(name, self.__dict__[name]) for name in _OF_CONVERSATIONS}
        if told["history"] == "server" or told["conversation_id"]:
            # What is asked there does not say what has been said before: the next "yes" is another.
            return f"{found}---{uuid.uuid4()}"
        return found

    # LangChain keeps what it has serialized once, and takes that for the key of its cache: a copy
    # with another bot would give this one's answers.

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self.__dict__.pop(_SERIALIZED, None)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy.

        Args:
            update: Fields that are other ones; they are not checked.
            deep: Whether the fields are copied, too.
        """
        twin = super().model_copy(update=update, deep=deep)
        twin.__dict__.pop(_SERIALIZED, None)
        return twin

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Fields that are serialized in another form than they have."""
        return {} if self.timeout is None else {"timeout": self.timeout_in_json()}

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
        tokens = count_tokens_approximately([("user", text)], extra_tokens_per_message=0)
        return tokens + _more_for_wide(text)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """Estimate the tokens of messages.

        Args:
            messages: The messages.
            tools: Not counted: which of them are described to the bot is known only later.
        """
        del tools
        if self.custom_get_token_ids is not None:
            texts = (message.text + _called(message) for message in messages)
            return sum(map(len, map(self.custom_get_token_ids, texts)))
        return count_tokens_approximately(messages) + sum(
            _more_for_wide(message.text + _called(message)) for message in messages
        )


def _called(message: BaseMessage) -> str:
    """Return the tool calls of a message as LangChain counts them."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return repr(calls) if calls else ""


def _more_for_wide(text: str) -> int:
    return math.ceil(len(_WIDE.findall(text)) * _MORE_FOR_WIDE)


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Accept the arguments of the community package's `ChatCoze`."""
    for old, new in _FORMER.items():
        if old not in values:
            continue
        warnings.warn(
            f"ChatCoze's argument {old!r} is called {new!r} here; see the migration page / "
            f"参数 {old!r} 已更名为 {new!r}",
            DeprecationWarning,
            stacklevel=6,
        )
        values = {name: value for name, value in values.items() if name != old} | {
            new: values.get(new, values[old])
        }
    if values.get("conversation_id") == "":  # which stood for "none" there
        values = {**values, "conversation_id": None}
    return values
