"""The settings that a model has in every framework, as fields: for adapters to inherit from.

A framework's own class adds what it names or reads from the environment in a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_serializer, field_validator

from coze_core._model_clients import ModelClients
from coze_core._timeouts import (
    JsonSeconds,
    Timeouts,
    seconds_in_json,
    timeout_in_json,
    without_library,
)

if TYPE_CHECKING:
    from coze_core._auth import Auth
else:  # the client is imported when it is needed
    Auth = Any


class ModelConnection(ModelClients, BaseModel):
    """How to reach Coze, but for `api_key` and `base_url`: see `CozeClient` for each."""

    # Nobody makes one of these, so its validators are never built; those of the adapters are.
    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True, defer_build=True)

    region: Literal["com", "cn"] | None = None
    server: Literal["auto", "cloud", "studio"] = "auto"
    protocol: Literal["v3", "v2"] = "v3"
    timeout: float | Timeouts | None = None
    max_retries: int = 2
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    auth: Auth | None = Field(default=None, exclude=True, repr=False)
    tracing: Any = Field(default=None, exclude=True, repr=False)
    conversation_lock: Any = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    transport: Any = Field(default=None, exclude=True, repr=False)
    async_transport: Any = Field(default=None, exclude=True, repr=False)

    @field_validator("timeout", mode="before")
    @classmethod
    def _take_a_librarys_timeout(cls, value: object) -> object:
        return without_library(value)

    @field_serializer("timeout", when_used="json")
    def _write_timeout(
        self, value: float | Timeouts | None
    ) -> JsonSeconds | dict[str, JsonSeconds]:
        return timeout_in_json(value)

    def timeout_in_json(self) -> JsonSeconds | dict[str, JsonSeconds]:
        """Return the timeout as it is written in JSON: `"Infinity"` where there is no bound."""
        return timeout_in_json(self.timeout)

    _clients: dict[str, tuple[tuple[object, ...], Any]] = PrivateAttr(default_factory=dict)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; see pydantic's. A key in it may be a text or a function, as elsewhere.

        Args:
            update: Settings that are different in the copy.
            deep: Whether what they hold is copied as well.

        Raises:
            ValueError: A key and a credential in one update.
        """
        given = self.with_one_credential(update or {})
        names = given.keys() & {"api_key", "auth", "timeout"}
        looked_at = {name: given.pop(name) for name in names}
        twin = super().model_copy(update=given, deep=deep)
        for name, value in looked_at.items():
            setattr(twin, name, value)  # which looks at what it is
        return twin

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return super().__deepcopy__(self.sharing(memo))

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        # A pickle of an older version has not the settings that came later.
        for name, field in type(self).model_fields.items():
            if name not in self.__dict__ and not field.is_required():
                self.__dict__[name] = field.get_default(call_default_factory=True)


class ModelSettings(BaseModel):
    """Whom a model talks to and how; the adapters' classes say what each setting means."""

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True, defer_build=True)

    if TYPE_CHECKING:  # where it comes from is each framework's own
        bot_id: str

    workflow_id: str | None = None
    app_id: str | None = None
    conversation_id: str | None = None
    history: Literal["client", "server"] = "client"
    system: str = "prefix"
    tool_calling: Literal["auto", "native", "prompt"] = "auto"
    on_stale_chat: Literal["replay", "raise"] = "replay"
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
    merge_reads: bool = False
    deadline: float | None = None
    on_busy: Literal["error", "wait", "cancel_previous", "new_conversation"] = "error"
    busy_timeout: float = 60.0
    temperature: float | None = None
    """Accepted for the sake of other models; a bot's temperature is set where the bot is made."""
    max_tokens: int | None = None
    """Accepted for the sake of other models; a bot's limit is set where the bot is made."""

    @field_serializer("deadline", "busy_timeout", when_used="json")
    def _write_seconds(self, value: float | None) -> JsonSeconds:
        return seconds_in_json(value)

    # For type checkers, arguments of these names: the adapters take them for `bot_id`.
    if TYPE_CHECKING:
        model: str = Field(default="")
        model_name: str = Field(default="")
    else:

        @property
        def model(self) -> str:
            """The bot's id, or the chatflow's, under the name that other models have for it."""
            return self.workflow_id or self.bot_id

        @property
        def model_name(self) -> str:
            """The same, under the other name that models have for it."""
            return self.model

    def _check_bot(self) -> None:
        if not self.bot_id.strip() and not self.workflow_id:
            raise ValueError(
                "no bot: pass bot_id= or set COZE_BOT_ID / 未指定机器人：请传入 bot_id="
            )
