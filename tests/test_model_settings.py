"""What both models make of their settings: names, keys, and what their errors show."""

import contextlib
import math
import pickle
import warnings

import httpx
import pytest
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr, ValidationError

from coze_core import AuthenticationError, CozeClient, Timeouts, TokenAuth
from langchain_coze import ChatCoze, CozeBotTool, CozeWorkflowRetriever, CozeWorkflowTool
from llamaindex_coze import Coze, CozeToolSpec
from llamaindex_coze import CozeWorkflowRetriever as LlamaIndexRetriever

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
        made = kind(**{name: "8"}, api_key="x")
    assert made.bot_id == made.model == made.model_name == "8"


def ask(model, **options):
    if isinstance(model, ChatCoze):
        return model.invoke("What is 2 + 3?", **options).text
    return model.complete("What is 2 + 3?", **options).text


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
@pytest.mark.parametrize("way", ["text", "function"])
def test_the_key_that_was_set_last_is_the_one_that_counts(kind, way, emulator):
    model = kind(
        bot_id=emulator.bot_id("assistant"),
        base_url=emulator.base_url,
        api_key=lambda: "pat_old",
    )
    model.api_key = emulator.token if way == "text" else lambda: emulator.token
    with contextlib.closing(model):
        assert "5" in ask(model)


@both
@pytest.mark.parametrize("before", ["pat_old", lambda: "pat_old"], ids=["text", "function"])
@pytest.mark.parametrize("way", ["text", "function"])
def test_a_copy_may_have_another_key(kind, before, way, emulator):
    model = kind(bot_id=emulator.bot_id("assistant"), base_url=emulator.base_url, api_key=before)
    key = emulator.token if way == "text" else lambda: emulator.token
    with contextlib.closing(model.model_copy(update={"api_key": key})) as twin:
        assert "5" in ask(twin)
    assert emulator.token not in repr(twin)
    with pytest.raises(Exception, match=r"COZE_API_TOKEN|4101"):  # it has kept its own
        ask(model)


@pytest.mark.parametrize("woken", [False, True], ids=["made", "woken"])
@pytest.mark.parametrize("way", ["text", "secret", "function"])
def test_a_configured_key_takes_the_place_of_a_function(way, woken, emulator, monkeypatch):
    """Else each caller's request would run, and be paid for, in the account of the model."""
    monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_environment")
    model = ChatCoze(
        bot_id=emulator.bot_id("assistant"), base_url=emulator.base_url, api_key=an_old_key
    )
    if woken:
        model = pickle.loads(pickle.dumps(model))
    several = model.configurable_fields(
        api_key=ConfigurableField(id="key"), bot_id=ConfigurableField(id="bot")
    )
    token = emulator.token
    key = {"text": token, "secret": SecretStr(token), "function": lambda: token}[way]
    assert several.invoke("What is 2 + 3?", {"configurable": {"key": key}}).text == "2 + 3 = 5"
    with pytest.raises(AuthenticationError):  # nothing is configured: the function's counts
        several.invoke("x", {"configurable": {"bot": emulator.bot_id("echo")}})
    sent = [request.headers["authorization"] for request in emulator.requests.to("/v3/chat")]
    assert "Bearer pat_of_the_environment" not in sent


def an_old_key():
    """Return a key that the emulator refuses."""
    return "pat_old"


@both
def test_a_key_is_not_a_function_beside_a_credential(kind):
    with pytest.raises(ValidationError, match="not both"):
        kind(bot_id="7", api_key=lambda: "x", auth=lambda: "y")


BESIDE = {
    "ChatCoze": lambda **keys: ChatCoze(bot_id="7", **keys),
    "Coze": lambda **keys: Coze(bot_id="7", **keys),
    "bot tool": lambda **keys: CozeBotTool(bot_id="7", name="b", description="A bot.", **keys),
    "workflow tool": lambda **keys: CozeWorkflowTool(workflow_id="7", **keys),
    "looked-up tool": lambda **keys: CozeWorkflowTool.from_workflow("7", **keys),
    "retriever": lambda **keys: CozeWorkflowRetriever(workflow_id="7", **keys),
    "LlamaIndex tools": lambda **keys: CozeToolSpec(bot_ids=["7"], **keys),
    "LlamaIndex retriever": lambda **keys: LlamaIndexRetriever("7", **keys),
    "CozeClient": lambda api_key, auth: CozeClient(api_key, auth=auth),
}


@pytest.fixture(params=BESIDE)
def beside(request):
    """One of what takes a key or a credential."""
    return BESIDE[request.param]


@pytest.mark.parametrize("auth", [lambda: "y", TokenAuth("y")], ids=["function", "credential"])
@pytest.mark.parametrize("environment", [None, "z", SECRET])
def test_a_key_as_text_is_not_given_beside_a_credential(beside, auth, environment, monkeypatch):
    """Else its requests would be paid for by an account that somebody believes unused."""
    if environment:
        monkeypatch.setenv("COZE_API_TOKEN", environment)
    with pytest.raises(ValueError, match="not both") as caught:
        beside(api_key=SECRET, auth=auth)
    assert "只能提供一个" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["token", "coze_api_key"])
def test_nor_is_one_under_another_name(name):
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(ValidationError, match="not both"),
    ):
        ChatCoze(bot_id="7", **{name: SECRET}, auth=TokenAuth("y"))


@pytest.mark.parametrize("key", [{}, {"api_key": None}, {"api_key": " "}])
@pytest.mark.parametrize("kind", sorted(BESIDE.keys() - {"CozeClient", "looked-up tool"}))
def test_a_credential_goes_before_the_key_of_the_environment(kind, key, monkeypatch):
    for variable in ("COZE_API_TOKEN", "COZE_API_KEY"):
        monkeypatch.setenv(variable, SECRET)
    made = BESIDE[kind](**key, auth=TokenAuth("y"))
    assert made.api_key is None
    assert made.client.auth.token() == "y"


@both
@pytest.mark.parametrize("key", ["given", "of the environment"])
def test_a_credential_that_is_set_later_takes_the_place_of_the_key(kind, key, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", SECRET)
    model = kind(bot_id="7", **({"api_key": "x"} if key == "given" else {}))
    twin = model.model_copy(update={"auth": TokenAuth("y")})
    assert model.client.auth.token() == ("x" if key == "given" else SECRET)
    model.auth = TokenAuth("z")
    for made, token in ((model, "z"), (twin, "y")):
        assert made.api_key is None
        assert made.client.auth.token() == token
    with pytest.raises(ValueError, match="not both"):
        model.model_copy(update={"auth": TokenAuth("y"), "api_key": "x"})


@pytest.mark.parametrize("variable", ["COZE_API_TOKEN", "COZE_API_KEY"])
def test_a_credential_can_be_configured_where_the_key_is_of_the_environment(
    variable, emulator, monkeypatch
):
    monkeypatch.setenv(variable, "pat_of_the_environment")
    model = ChatCoze(bot_id=emulator.bot_id("assistant"), base_url=emulator.base_url)
    several = model.configurable_fields(auth=ConfigurableField(id="auth"))
    own = {"configurable": {"auth": TokenAuth(emulator.token)}}
    assert several.invoke("What is 2 + 3?", own).text == "2 + 3 = 5"


def test_a_key_is_not_configured_beside_a_credential(emulator):
    model = ChatCoze(bot_id="7", base_url=emulator.base_url, auth=TokenAuth("y"))
    several = model.configurable_fields(api_key=ConfigurableField(id="key"))
    with pytest.raises(ValidationError, match="not both"):
        several.invoke("hi", {"configurable": {"key": SecretStr(SECRET)}})
    assert not emulator.requests


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


@both
def test_what_is_set_where_the_bot_is_made_is_taken_without_a_word(kind, emulator):
    bot = {"bot_id": emulator.bot_id("assistant"), "base_url": emulator.base_url}
    said = {"temperature": 0.5, "max_tokens": 9}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.closing(kind(**bot, api_key=emulator.token, **said)) as model:
            assert "5" in ask(model, **said)
    (sent,) = emulator.requests.to("/v3/chat")
    assert not said.keys() & sent.json.keys()


@both
def test_a_timeout_may_be_that_of_the_http_library(kind):
    model = kind(bot_id="7", api_key="x", timeout=httpx.Timeout(3, read=None))
    assert model.timeout == Timeouts(3, math.inf, 3, 3, idle=math.inf)
    with pytest.raises(ValidationError):
        kind(bot_id="7", api_key="x", timeout="soon")
