"""The variables that a bot or an app keeps of each user (protocol notes, section 6.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coze_core._bot_models import Variable
from coze_core._call import Call
from coze_core._endpoints._checks import check_id, given
from coze_core._flow import Flow, send


def get(
    *,
    connector_uid: str,
    bot_id: str | None = None,
    app_id: str | None = None,
    keywords: Sequence[str] | None = None,
    connector_id: str | None = None,
) -> Flow[list[Variable]]:
    """Return the variables of one user.

    Args:
        connector_uid: The user: the `user_id` of chats.
        bot_id: The bot that keeps them.
        app_id: Or the app that keeps them.
        keywords: Their names; all if None. A name that does not exist is left out of the answer.
        connector_id: The channel; 1024, the API, if None.

    Raises:
        TypeError: Something else than text.
        ValueError: Both or neither of bot_id and app_id, or a name with a comma.
        CozeError: The server refused.

    Example:
        >>> client.variables.get(bot_id="7379", connector_uid="u1")  # doctest: +SKIP

    Protocol: section 6.5.
    """
    query = {**_owner(bot_id, app_id, connector_uid, connector_id), "keywords": _joined(keywords)}
    call = Call("GET", "/v1/variables", query=query, repeatable=True)
    return (yield from send(call)).read_list(Variable, "items")


def set(
    values: Mapping[str, str],
    *,
    connector_uid: str,
    bot_id: str | None = None,
    app_id: str | None = None,
    connector_id: str | None = None,
) -> Flow[None]:
    """Set variables of one user; others stay as they are.

    Args:
        values: What to set, by name.
        connector_uid: The user: the `user_id` of chats.
        bot_id: The bot that keeps them.
        app_id: Or the app that keeps them.
        connector_id: The channel; 1024, the API, if None.

    Raises:
        TypeError: Something else than text.
        ValueError: Both or neither of bot_id and app_id, or nothing to set.
        CozeError: The server refused.

    Example:
        >>> client.variables.set(
        ...     {"city": "Paris"}, bot_id="7379", connector_uid="u1"
        ... )  # doctest: +SKIP

    Protocol: section 6.5.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"values must be a mapping of names to text, not {type(values).__name__}")
    if not values:
        raise ValueError("there is nothing to set: values is empty")
    for name, value in values.items():
        check_id("a variable's name", name)
        if not isinstance(value, str):
            raise TypeError(f"the variable {name!r} must be text, not {type(value).__name__}")
    data = [{"keyword": name, "value": value} for name, value in values.items()]
    body = {**_owner(bot_id, app_id, connector_uid, connector_id), "data": data}
    yield from send(Call("PUT", "/v1/variables", json=body, repeatable=True))


def _owner(
    bot_id: str | None, app_id: str | None, connector_uid: str, connector_id: str | None
) -> dict[str, str]:
    if (bot_id is None) == (app_id is None):
        raise ValueError("give bot_id or app_id: variables belong to one of them")
    found = given(
        bot_id=bot_id, app_id=app_id, connector_id=connector_id, connector_uid=connector_uid
    )
    return {name: check_id(name, value) for name, value in found.items()}


def _joined(keywords: Sequence[str] | None) -> str | None:
    """Return names as they go into the query (section 6.5: joined by commas)."""
    if keywords is None:
        return None
    if isinstance(keywords, str):
        raise TypeError("keywords is a list of names: write [keyword]")
    if not keywords:
        raise ValueError("keywords is empty: leave it out to get all variables")
    for keyword in keywords:
        if "," in check_id("a variable's name", keyword):
            raise ValueError(f"a variable's name has no comma: {keyword!r}")
    return ",".join(keywords)
