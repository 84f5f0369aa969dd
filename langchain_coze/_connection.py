"""How to reach Coze: the fields that the model and the tools have in common."""

from __future__ import annotations

from typing import Any

from langchain_core.utils import from_env, secret_from_env
from pydantic import AliasChoices, ConfigDict, Field, SecretStr

from coze_core import ModelConnection


class Connection(ModelConnection):
    """Where Coze is, and who we are there; the clients are made at their first use."""

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True, defer_build=True)

    api_key: SecretStr | None = Field(
        default_factory=secret_from_env(["COZE_API_TOKEN", "COZE_API_KEY"], default=None),
        validation_alias=AliasChoices("api_key", "token"),
    )
    base_url: str | None = Field(default_factory=from_env("COZE_API_BASE", default=None))

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        private["_clients"] = {}
        return {**state, "__pydantic_private__": private}
