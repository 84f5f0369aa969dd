"""How to reach Coze: the fields that the model and the tools have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.utils import from_env, secret_from_env
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    model_validator,
)

from coze_core import ModelClients, Timeouts

if TYPE_CHECKING:
    from coze_core import Auth

    Key: TypeAlias = SecretStr | str | Callable[[], Any] | None
else:  # the client is imported when it is needed; what is kept of a key shows nothing of it
    Auth = Any
    Key = SecretStr | None


class Connection(ModelClients, BaseModel):
    """Where Coze is, and who we are there; the clients are made at their first use."""

    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        hide_input_in_errors=True,  # which may be, or hold, the token
    )

    api_key: Key = Field(
        default_factory=secret_from_env(["COZE_API_TOKEN", "COZE_API_KEY"], default=None),
        validation_alias=AliasChoices("api_key", "token"),
    )
    base_url: str | None = Field(default_factory=from_env("COZE_API_BASE", default=None))
    region: Literal["com", "cn"] | None = None
    protocol: Literal["v3", "v2"] = "v3"
    tracing: Any = Field(default=None, exclude=True, repr=False)
    timeout: float | Timeouts | None = None
    max_retries: int = 2
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    auth: Auth | None = Field(default=None, exclude=True, repr=False)
    server: Literal["auto", "cloud", "studio"] = "auto"
    conversation_lock: Any = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    transport: Any = Field(default=None, exclude=True, repr=False)
    async_transport: Any = Field(default=None, exclude=True, repr=False)

    _clients: dict[str, tuple[tuple[object, ...], Any]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _take_a_function_as_key(cls, values: Any) -> Any:
        return cls.function_as_credential(values) if isinstance(values, Mapping) else values

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        private["_clients"] = {}
        return {**state, "__pydantic_private__": private}
