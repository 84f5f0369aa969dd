"""How to reach Coze: the fields that the model and the tools have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import InitVar
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import AliasChoices, ConfigDict, Field, SecretStr, model_validator

from coze_core import ModelConnection, from_environment

if TYPE_CHECKING:
    Key: TypeAlias = SecretStr | str | Callable[[], Any] | None
else:  # what is kept of a key shows nothing of it
    Key = SecretStr | None


def _environment_key() -> str | None:
    return from_environment("token", "COZE_API_KEY")  # the latter is the community package's


def _secret_environment_key() -> SecretStr | None:
    found = _environment_key()
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
        default_factory=_secret_environment_key,
        validation_alias=AliasChoices("api_key", "token"),
    )
    if TYPE_CHECKING:
        token: InitVar[Key] = Field(default=None)

    base_url: str | None = Field(default_factory=lambda: from_environment("base_url"))

    @model_validator(mode="before")
    @classmethod
    def _take_one_credential(cls, values: Any) -> Any:
        return cls.with_one_credential(values) if isinstance(values, Mapping) else values

    @classmethod
    def environment_key(cls) -> str | None:
        """Return the token of the environment."""
        return _environment_key()

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        private["_clients"] = {}
        fields = self.travelling(state["__dict__"])
        return {**state, "__dict__": fields, "__pydantic_private__": private}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        if self.auth is None:
            self.__dict__["api_key"] = _secret_environment_key()
