"""Talking to chatflows: workflows that have a conversation (protocol notes, section 3.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from coze_core._call import Call
from coze_core._endpoints._checks import check_id, check_messages, check_seconds
from coze_core._endpoints._workflow_bodies import run_body
from coze_core._endpoints.workflows import CHAT
from coze_core._models import EnterMessage
from coze_core._stream_request import StreamRequest
from coze_core._workflow_inputs import with_uploads

MAX_MESSAGES: Final = 50  # in one request (section 6.6)


def chat(
    *,
    workflow_id: str,
    messages: Sequence[EnterMessage],
    parameters: Mapping[str, object] | None = None,
    bot_id: str | None = None,
    app_id: str | None = None,
    conversation_id: str | None = None,
    ext: Mapping[str, str] | None = None,
    workflow_version: str | None = None,
    connector_id: str | None = None,
    deadline: float | None = None,
) -> StreamRequest:
    """Talk to a chatflow and stream its answer.

    If it stops to ask something, the turn is `interrupted` and its answer is the question; call
    this again with the reply as the message and the same conversation_id.

    Args:
        workflow_id: The chatflow; it has to be published.
        messages: What the user says, last, and what was said before; 50 at most.
        parameters: Its other inputs, by name; files (`Path`, bytes, open files) are uploaded.
        bot_id: The bot it belongs to; one of bot_id and app_id is needed.
        app_id: The app it belongs to.
        conversation_id: The conversation to go on with; a new one if None.
        ext: `latitude`, `longitude` and `user_id`, as text.
        workflow_version: A version such as `v0.0.5`; the newest if None.
        connector_id: The channel; 1024, the API, if None.
        deadline: Seconds for all of it, or None for no bound but the gap between reads.

    Returns:
        A stream of chat events, which is also a context manager. Leaving it early does not stop
        the run: the API has no way to cancel one.

    Raises:
        ValueError: Something cannot be sent.
        CozeError: On entering: the server refused. While iterating: the run failed.

    Example:
        >>> with client.workflows.chat(
        ...     workflow_id="7389", app_id="7442", messages=[EnterMessage.user("hi")]
        ... ) as stream:  # doctest: +SKIP
        ...     print("".join(stream.text()))

    Protocol: section 3.10.
    """
    if (bot_id is None) == (app_id is None):
        raise ValueError("a chatflow needs bot_id or app_id, and not both: where it belongs")
    if not messages or messages[-1].role != "user":
        raise ValueError("the last message must be the user's: it is what the chatflow is told")
    sent = check_messages(messages, saved=True, limit=MAX_MESSAGES)
    body = run_body(workflow_id, parameters, bot_id, app_id, ext, workflow_version, connector_id)
    body.setdefault("parameters", {})
    body["additional_messages"] = sent
    if conversation_id is not None:
        body["conversation_id"] = check_id("conversation_id", conversation_id)
    return StreamRequest(
        Call("POST", CHAT, json=body, stream=True),
        cancel_on_close=False,
        deadline=check_seconds("deadline", deadline),
        conversation_id=conversation_id,
        prepare=with_uploads,
    )
