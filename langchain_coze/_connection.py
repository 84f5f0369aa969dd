"""How to reach Coze: the fields that the model and the tools have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import AliasChoices, ConfigDict, Field, SecretStr, model_validator

from coze_core import ModelConnection, from_environment

if TYPE_CHECKING:
    Key: TypeAlias = SecretStr | str | Callable[[], Any] | None
else:  # what is kept of a key shows nothing of it
    Key = SecretStr | None


def _key_of_environment() -> SecretStr | None:
    found = from_environment("token", "COZE_API_KEY")  # the latter is the community package's
    return SecretStr(found) if found is not None else None


class Connection(ModelConnection):
    """Where Coze is, and who we are there; the clients are made at their first use.

    A pickle of it holds no key: the copy reads that of the environment where it wakes.
    """

    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        hide_input_in_errors=True,  # which may be, or hold, the token
    )

    api_key: Key = Field(
        default_factory=_key_of_environment,
        validation_alias=AliasChoices("api_key", "token"),
    )
    base_url: str | None = Field(default_factory=lambda: from_environment("base_url"))

    @model_validator(mode="before")
    @classmethod
    def _take_a_function_as_key(cls, values: Any) -> Any:
        return cls.function_as_credential(values) if isinstance(values, Mapping) else values

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        private["_clients"] = {}
        fields = self.travelling(state["__dict__"], found=_key_of_environment())
        return {**state, "__dict__": fields, "__pydantic_private__": private}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        if self.auth is None:
            self.__dict__["api_key"] = _key_of_environment()
