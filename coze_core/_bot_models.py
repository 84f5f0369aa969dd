"""Wire models: bots, workspaces, users and variables (protocol notes, sections 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from coze_core._models import Id, OptionalNumber, Text, WireModel


class Onboarding(WireModel):
    """How a bot greets; some servers capitalise the keys."""

    prologue: Text = ""
    suggested_questions: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _capitalised(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        renamed = dict(value)
        for old, new in (
            ("Prologue", "prologue"),
            ("SuggestedQuestions", "suggested_questions"),
        ):
            if new not in renamed and renamed.get(old) is not None:
                renamed[new] = renamed.pop(old)
        return renamed


class PluginTool(WireModel):
    """One tool of a plugin that a bot owns."""

    api_id: Id = ""
    name: Text = ""
    description: Text = ""


class Plugin(WireModel):
    """A plugin that a bot owns."""

    plugin_id: Id = ""
    name: Text = ""
    description: Text = ""
    icon_url: Text = ""
    api_info_list: list[PluginTool] = Field(default_factory=list)


class BotModel(WireModel):
    """The model behind a bot."""

    model_id: Id = ""
    model_name: Text = ""
    temperature: float | None = None
    context_round: OptionalNumber = None
    max_tokens: OptionalNumber = None


class Bot(WireModel):
    """A bot in full."""

    bot_id: Id = ""
    name: Text = ""
    description: Text = ""
    icon_url: Text = ""
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None
    version: Text = ""
    prompt_info: dict[str, Any] = Field(default_factory=dict)
    onboarding_info: Onboarding = Field(default_factory=Onboarding)
    bot_mode: OptionalNumber = None
    plugin_info_list: list[Plugin] = Field(default_factory=list)
    model_info: BotModel | None = None
    workflow_info_list: list[dict[str, Any]] = Field(default_factory=list)
    shortcut_commands: list[dict[str, Any]] = Field(default_factory=list)


class BotSummary(WireModel):
    """A bot in a list; both list endpoints give the same names here."""

    id: Id = ""
    name: Text = ""
    description: Text = ""
    icon_url: Text = ""
    is_published: bool | None = None
    published_at: OptionalNumber = None
    updated_at: OptionalNumber = None
    folder_id: Id = ""
    owner_user_id: Id = ""

    @model_validator(mode="before")
    @classmethod
    def _legacy_names(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "bot_id" not in value:
            return value
        renamed = dict(value)
        for old, new in (("bot_id", "id"), ("bot_name", "name"), ("publish_time", "published_at")):
            if old in renamed:
                renamed.setdefault(new, renamed.pop(old))
        renamed.setdefault("is_published", True)  # the legacy list holds published bots only
        return renamed


class Workspace(WireModel):
    """A workspace the token can see."""

    id: Id = ""
    name: Text = ""
    icon_url: Text = ""
    role_type: Text = ""
    workspace_type: Text = ""
    enterprise_id: Id = ""


class User(WireModel):
    """The account behind the token."""

    user_id: Id = ""
    user_name: Text = ""
    nick_name: Text = ""
    avatar_url: Text = ""


class Variable(WireModel):
    """What a bot or an app keeps of one user under one name.

    Attributes:
        keyword: Its name.
        value: Its value.
        create_time: When it was set first, in Unix seconds; 0 for a default value.
        update_time: When it was set last; 0 for a default value.
    """

    keyword: str = ""
    value: Text = ""
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None

    @property
    def is_default(self) -> bool:
        """Whether nobody has set it."""
        return not self.create_time and not self.update_time
