"""What both models make of their settings: names, keys, and what their errors show."""

import contextlib
import warnings

import pytest
from pydantic import ValidationError

from langchain_coze import ChatCoze, CozeBotTool, CozeWorkflowTool
from llamaindex_coze import Coze

SECRET = "pat_verysecret0123456789"

both = pytest.mark.parametrize("kind", [ChatCoze, Coze])


@both
@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": SECRET},  # no bot
        {"bot_id": "7", "api_key": [SECRET]},
        {"bot_id": "7", "api_key": SECRET, "system": "x"},
        {"bot_id": "7", "api_key": "x", "default_headers": f"X-Key: {SECRET}"},
        {"bot_id": "7", "api_key": "x", "proxy": {"http": f"http://user:{SECRET}@proxy"}},
    ],
)
def test_an_error_about_settings_shows_no_secret(kind, settings):
    with pytest.raises(ValidationError) as caught:
        kind(**settings)
    # Pydantic shortens what it shows in the middle.
    assert SECRET[:8] not in str(caught.value) + repr(caught.value)
    assert SECRET[-8:] not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("kind", [CozeBotTool, CozeWorkflowTool])
def test_an_error_about_a_tools_settings_shows_no_secret(kind):
    with pytest.raises(ValidationError) as caught:
        kind(api_key=[SECRET])
    assert SECRET not in str(caught.value)


@both
@pytest.mark.parametrize("name", ["bot_id", "model", "model_name"])
def test_each_name_of_the_bot_goes_before_the_environment(kind, name, monkeypatch):
    monkeypatch.setenv("COZE_BOT_ID", "7")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kind(**{name: "8"}, api_key="x").bot_id == "8"


def ask(model):
    if isinstance(model, ChatCoze):
        return model.invoke("What is 2 + 3?").text
    return model.complete("What is 2 + 3?").text


@both
@pytest.mark.parametrize("name", ["api_key", "token"])
def test_a_key_may_be_a_function_that_is_asked_again_when_it_is_refused(
    kind, name, emulator, monkeypatch
):
    monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_environment")
    keys = ["pat_old", emulator.token]
    model = kind(
        bot_id=emulator.bot_id("assistant"),
        base_url=emulator.base_url,
        **{name: lambda: keys.pop(0)},
    )
    with contextlib.closing(model):
        assert "5" in ask(model)
    assert keys == []


@both
@pytest.mark.parametrize("way", ["text", "function"])
def test_another_key_can_be_set_and_is_not_shown(kind, way, emulator):
    model = kind(bot_id=emulator.bot_id("assistant"), base_url=emulator.base_url, api_key="pat_old")
    model.api_key = emulator.token if way == "text" else lambda: emulator.token
    with contextlib.closing(model):
        assert "5" in ask(model)
    assert emulator.token not in repr(model) + str(model)


@both
def test_a_key_is_not_a_function_beside_a_credential(kind):
    with pytest.raises(ValidationError, match="not both"):
        kind(bot_id="7", api_key=lambda: "x", auth=lambda: "y")


@both
@pytest.mark.parametrize(
    ("name", "meant"),
    [("api_base", "base_url"), ("openai_api_key", "api_key"), ("userid", "user_id")],
)
def test_a_name_of_other_models_is_told_ours(kind, name, meant):
    with pytest.warns(UserWarning, match=f"did you mean '{meant}'"):
        kind(bot_id="7", api_key="x", **{name: "y"})


@both
@pytest.mark.parametrize("name", ["seed", "top_p"])
def test_a_name_that_is_like_none_is_told_none(kind, name):
    with pytest.warns(UserWarning, match=f"'{name}', it is ignored$"):
        kind(bot_id="7", api_key="x", **{name: 1})
