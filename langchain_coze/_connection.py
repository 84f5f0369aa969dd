"""How to reach Coze: the fields that the model and the tools have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_core.utils import from_env, secret_from_env
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from coze_core import ModelClients, Timeouts

if TYPE_CHECKING:
    from coze_core import Auth
else:  # the client is imported when it is needed
    Auth = Any

_FROM_ENVIRONMENT: Final = secret_from_env(["COZE_API_TOKEN", "COZE_API_KEY"], default=None)


class Connection(ModelClients, BaseModel):
    """Where Coze is, and who we are there; the clients are made at their first use.

    A pickle of it holds no key: the copy reads that of the environment where it wakes.
    """

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True, defer_build=True)

    api_key: SecretStr | None = Field(
        default_factory=_FROM_ENVIRONMENT,
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

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        private["_clients"] = {}
        fields = self.travelling(state["__dict__"], found=_FROM_ENVIRONMENT())
        return {**state, "__dict__": fields, "__pydantic_private__": private}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["api_key"] = _FROM_ENVIRONMENT()
