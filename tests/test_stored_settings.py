"""Settings of both models that were set later, or stored as JSON and read again."""

import json
import math

import httpx
import pytest
from langchain_core.load import dumpd, load

from coze_core import Timeouts
from langchain_coze import ChatCoze
from llamaindex_coze import Coze

both = pytest.mark.parametrize("kind", [ChatCoze, Coze])


def through_json(model):
    text = model.model_dump_json(exclude={"api_key"})
    return type(model).model_validate_json(text)


def through_plain_json(model):
    return type(model)(**json.loads(strict(model.model_dump(mode="json", exclude={"api_key"}))))


def through_python(model):
    return type(model)(**model.model_dump(exclude={"api_key"}))


def through_the_framework(model):
    if isinstance(model, Coze):
        return Coze.from_json(model.to_json())
    dumped = json.loads(strict(dumpd(model)))
    return load(
        dumped,
        allowed_objects=[ChatCoze],
        valid_namespaces=["langchain_coze"],
        secrets_from_env=True,
    )


def strict(value):
    """JSON as others read it, who know no infinite numbers."""
    return json.dumps(value, allow_nan=False)


stored = pytest.mark.parametrize(
    "stored", [through_json, through_plain_json, through_python, through_the_framework]
)


@both
@stored
@pytest.mark.parametrize(
    "timeout",
    [
        None,
        5,
        math.inf,
        Timeouts(connect=2, read=math.inf),
        Timeouts.of(math.inf),
        httpx.Timeout(3, read=None),
        httpx.Timeout(None),
    ],
    ids=repr,
)
def test_a_timeout_is_the_same_when_the_model_was_stored(kind, stored, timeout, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "x")
    model = kind(bot_id="7", timeout=timeout)
    assert stored(model).timeout == model.timeout
    assert Timeouts.of(model.timeout) == Timeouts.of(timeout)


@both
@stored
def test_a_timeout_of_the_http_library_may_be_set_later(kind, stored, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "x")
    model = kind(bot_id="7")
    twin = model.model_copy(update={"timeout": httpx.Timeout(4)})
    model.timeout = httpx.Timeout(3, read=None)
    for each, timeout in (
        (model, Timeouts(3, math.inf, 3, 3, idle=math.inf)),
        (twin, Timeouts(connect=4, read=4, write=4, pool=4)),
    ):
        assert each.timeout == stored(each).timeout == timeout


@both
@pytest.mark.parametrize("stored", [through_json, through_plain_json, through_python])
def test_other_times_without_an_end_are_the_same_when_the_model_was_stored(
    kind, stored, monkeypatch
):
    monkeypatch.setenv("COZE_API_TOKEN", "x")
    model = stored(kind(bot_id="7", deadline=math.inf, busy_timeout=math.inf))
    assert (model.deadline, model.busy_timeout) == (math.inf, math.inf)
