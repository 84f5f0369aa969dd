"""The wire models: what Coze says, typed, with everything optional that a server may leave out.

Protocol notes, sections 2.7, 4 and 6. Unknown fields are kept, enums are open, null means absent,
whole numbers may arrive as text and ids as numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from coze_core._characters import whole_json
from coze_core._values import some_text, whole_number, wire_id


def _json_text(value: object) -> str:
    # Of half a character its readers would make what is no text.
    return whole_json(some_text(value))[0]


def _mapping(value: object) -> object:
    return value if isinstance(value, Mapping) else {}


def _error_text(value: object) -> object:
    return {"msg": value} if isinstance(value, str) and value else value


Id: TypeAlias = Annotated[str, BeforeValidator(wire_id)]
Text: TypeAlias = Annotated[str, BeforeValidator(some_text)]
JsonText: TypeAlias = Annotated[str, BeforeValidator(_json_text)]
OptionalNumber: TypeAlias = Annotated[int | None, BeforeValidator(whole_number)]
Count: TypeAlias = OptionalNumber
MetaData: TypeAlias = Annotated[dict[str, Any], BeforeValidator(_mapping)]


class WireModel(BaseModel):
    """The base of every reply: lenient, and it keeps the log id of the request that brought it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=())

    # Kept as a cached property would be: a private attribute of pydantic's costs each model more
    # than all its fields.
    _log_id: ClassVar[str | None] = None

    @property
    def log_id(self) -> str | None:
        """Coze's request id (logid) of the reply this came with, or None."""
        return self._log_id

    def came_with(self, log_id: str | None) -> Self:
        """Note the log id of the reply that brought this."""
        self.__dict__["_log_id"] = log_id
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _lenient(cls, value: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        """Take null for absent, and leave out what has a shape of its own.

        The one may not hide a default, and the other not what is as it should be.
        """
        if not isinstance(value, Mapping):
            return build(value)
        told = {key: item for key, item in value.items() if item is not None}
        try:
            return build(told)
        except ValidationError as error:
            odd = {place["loc"][0] for place in error.errors(include_input=False) if place["loc"]}
            if not odd:
                raise
            return build({key: item for key, item in told.items() if key not in odd})


class Usage(WireModel):
    """Tokens spent by a chat. What the server did not say is None, never 0.

    Attributes:
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the answer.
        total_tokens: Both together.
    """

    input_tokens: Count = Field(default=None, alias="input_count")
    output_tokens: Count = Field(default=None, alias="output_count")
    total_tokens: Count = Field(default=None, alias="token_count")

    @property
    def known(self) -> bool:
        """Whether the server counted anything; zeros stand for "not yet" (section 3.3)."""
        return bool(self.input_tokens or self.output_tokens or self.total_tokens)


class LastError(WireModel):
    """Why a chat failed; code 0 or None means that it did not."""

    code: OptionalNumber = None
    msg: Text = ""


class ToolCall(WireModel):
    """One call that the chat is waiting for.

    Attributes:
        id: Opaque; goes back with the output.
        type: `function` for a local plugin, `reply_message` for a workflow's question to the user.
        name: The tool's name.
        arguments: JSON text, as the model wrote it.
    """

    id: Id = ""
    type: Text = "function"
    name: Text = ""
    arguments: JsonText = ""

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, value: object) -> object:
        if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
            function = value["function"]
            rest = {key: item for key, item in value.items() if key != "function"}
            found = {key: function.get(key) for key in ("name", "arguments")}
            return {**rest, **{key: "" if item is None else item for key, item in found.items()}}
        return value

    @property
    def is_question(self) -> bool:
        """Whether this asks the user something rather than calling a function (section 5.2)."""
        return self.type == "reply_message"


class ToolOutput(BaseModel):
    """The answer to one tool call.

    Args:
        tool_call_id: The id of the call.
        output: The result, as text; JSON text is usual.
    """

    tool_call_id: str
    output: str


# Spellings seen on the wire (section 2.7) and the one that we use.
_STATUS_SPELLINGS = {
    "compleated": "completed",
    "cancelled": "canceled",
    "required_action": "requires_action",
}
# A failure by whatever name; the last two are Studio's.
FAILED_STATUSES = frozenset({"failed", "expired", "deleted"})
OVER_STATUSES = FAILED_STATUSES | {"completed", "canceled"}
TERMINAL_STATUSES = OVER_STATUSES | {"requires_action"}
# Usual values: created, in_progress, completed, failed, requires_action, canceled.
ChatStatus: TypeAlias = str


def _status(value: object) -> str:
    return _STATUS_SPELLINGS.get(text := some_text(value), text)


class Chat(WireModel):
    """One run of a bot in a conversation (section 2.7).

    Attributes:
        id: The chat's id.
        conversation_id: The conversation it runs in.
        status: In its usual spelling, whatever the server's.
        usage: Tokens spent; None while unknown.
        tool_calls: The calls it waits for.
    """

    id: Id = ""
    conversation_id: Id = ""
    bot_id: Id = ""
    section_id: Id = ""
    created_at: OptionalNumber = None
    completed_at: OptionalNumber = None
    failed_at: OptionalNumber = None
    meta_data: MetaData = Field(default_factory=dict)
    last_error: Annotated[LastError | None, BeforeValidator(_error_text)] = None
    status: Annotated[ChatStatus, BeforeValidator(_status)] = ""
    required_action: dict[str, Any] | None = None
    usage: Usage | None = None
    inserted_additional_messages: list[dict[str, Any]] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _usage_aliases(cls, value: object) -> object:
        # Some documents name the counters output_tokens and input_tokens; `{}` says nothing.
        if isinstance(value, Mapping) and not isinstance(value.get("usage", {}), Mapping):
            return {key: item for key, item in value.items() if key != "usage"}
        return value

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that wait for an output; empty for the skeleton that plain chats carry."""
        action = self.required_action or {}
        submit = action.get("submit_tool_outputs")
        calls = submit.get("tool_calls") if isinstance(submit, Mapping) else None
        if not isinstance(calls, list):
            return []
        return [ToolCall.model_validate(call) for call in calls if isinstance(call, Mapping)]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself (section 2.3)."""
        return self.status in TERMINAL_STATUSES


class Message(WireModel):
    """One entry of a conversation (section 4.1)."""

    id: Id = ""
    conversation_id: Id = ""
    bot_id: Id = ""
    chat_id: Id = ""
    section_id: Id = ""
    role: Text = ""
    type: Text = ""
    content: Text = ""
    content_type: Text = ""
    meta_data: MetaData = Field(default_factory=dict)
    created_at: OptionalNumber = None
    updated_at: OptionalNumber = None
    reasoning_content: Text = ""


class MediaItem(BaseModel):
    """One item of a mixed message (section 4.4): text, or a file by id or public URL."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text", "image", "file", "audio"]
    text: str | None = None
    file_id: str | None = None
    file_url: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [value for value in (self.text, self.file_id, self.file_url) if value is not None]
        if len(given) != 1 or (self.type == "text") != (self.text is not None):
            raise ValueError(
                "a text item has text; an image, file or audio item has file_id or file_url"
            )
        return self


class EnterMessage(BaseModel):
    """A message sent to Coze (section 4.2).

    Args:
        role: `user` or `assistant`.
        content: Plain text, or the JSON text of a list of items for `object_string`.
        content_type: `text` or `object_string`.
        type: `question` or `answer`; with auto_save_history=False also `function_call`,
            `tool_output` and `tool_response`. The default follows from the role.
        meta_data: Up to 16 pairs.

    Example:
        >>> EnterMessage.user("hello").type
        'question'
    """

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str
    content_type: Literal["text", "object_string"] = "text"
    type: Literal["question", "answer", "function_call", "tool_output", "tool_response"] | None = (
        None
    )
    meta_data: dict[str, str] | None = None

    @model_validator(mode="after")
    def _type_of_role(self) -> Self:
        if self.type is None:
            self.type = "question" if self.role == "user" else "answer"
        return self

    @classmethod
    def user(cls, content: str | Sequence[MediaItem]) -> EnterMessage:
        """Return a user's question: text, or a mix of text, images, files and audio."""
        if isinstance(content, str):
            return cls(role="user", content=content)
        return cls(role="user", content=object_string(content), content_type="object_string")

    @classmethod
    def assistant(cls, content: str) -> EnterMessage:
        """Return an earlier answer of the bot, as context."""
        return cls(role="assistant", content=content)


def object_string(items: Sequence[MediaItem]) -> str:
    """Return the JSON text of a mixed message.

    Args:
        items: At most one text item, and at least one image, file or audio item (section 4.4).

    Raises:
        ValueError: If the mix is not one that Coze takes.
    """
    texts = sum(item.type == "text" for item in items)
    if texts > 1:
        raise ValueError("a mixed message takes at most one text item: join the texts")
    if texts == len(items):
        raise ValueError("a mixed message needs an image, file or audio item: send plain text")
    dumped = [item.model_dump(exclude_none=True) for item in items]
    return json.dumps(dumped, ensure_ascii=False)


class Conversation(WireModel):
    """A thread of messages (section 6.1)."""

    id: Id = ""
    name: Text = ""
    meta_data: MetaData = Field(default_factory=dict)
    created_at: OptionalNumber = None
    updated_at: OptionalNumber = None
    creator_id: Id = ""
    connector_id: Id = ""
    last_section_id: Id = ""

    @model_validator(mode="before")
    @classmethod
    def _studio_spelling(cls, value: object) -> object:
        if isinstance(value, Mapping) and "creator_d" in value and "creator_id" not in value:
            return {**value, "creator_id": value["creator_d"]}
        return value


class Section(WireModel):
    """The fresh context section that clearing a conversation makes (section 6.1)."""

    id: Id = ""
    conversation_id: Id = ""


class File(WireModel):
    """An uploaded file (section 6.3)."""

    id: Id = ""
    bytes: OptionalNumber = None
    file_name: Text = ""
    created_at: OptionalNumber = Field(default=None)

    @model_validator(mode="before")
    @classmethod
    def _studio_spelling(cls, value: object) -> object:
        if isinstance(value, Mapping) and "CreatedAt" in value and "created_at" not in value:
            return {**value, "created_at": value["CreatedAt"]}
        return value
