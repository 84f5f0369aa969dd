"""Files of a gateway with several accounts: each bot reads those of its own account only."""

import functools

import openai
import pytest
from serving import KEY

from coze_core.emulator import Emulator, Fault
from openai_coze import BotModel, BotRoute, GatewayKey


class Elsewhere:
    """A credential of an account on a server of its own."""

    refreshable = False

    def __init__(self, emulator):
        self.base_url = emulator.base_url
        self._token = emulator.token

    def token(self):
        return self._token

    def refresh(self, stale):
        yield from ()


@pytest.fixture
def first(emulator):
    return emulator


@pytest.fixture
def second():
    with Emulator() as running:
        yield running


@pytest.fixture
def accounts(gateway, first, second):
    """A gateway of two accounts: `one` is on the first, `two` on the second, `both` on both."""

    def make(**others):
        routes = [BotRoute(first.bot_id("assistant"), name) for name in ("a", "b")]
        models = (
            BotModel("one", (routes[0],)),
            BotModel("two", (routes[1],)),
            BotModel("both", tuple(routes)),
        )
        accounts = {"a": first.token, "b": Elsewhere(second)}
        return gateway(models=models, accounts=accounts, **others)

    return make


def counts(path, *emulators):
    """How many requests to a path each has had."""
    return tuple(len(emulator.requests.to(path)) for emulator in emulators)


UPLOAD = {"file": ("notes.txt", b"hello"), "purpose": "user_data"}


def asking(file_id):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "file", "file": {"file_id": file_id}},
    ]
    return [{"role": "user", "content": parts}]


@pytest.mark.parametrize(("model", "at"), [("one", (1, 0)), ("two", (0, 1))])
def test_a_file_goes_to_the_account_of_the_model_that_reads_it(accounts, first, second, model, at):
    client = accounts()
    file = client.files.create(
        file=("notes.txt", b"hello"), purpose="user_data", extra_body={"model": model}
    )
    assert counts("/v1/files/upload", first, second) == at
    assert client.files.retrieve(file.id).id == file.id
    assert counts("/v1/files/retrieve", first, second) == at
    for name in (model, "both"):  # of two accounts, the one that has the file is asked
        done = client.chat.completions.create(model=name, messages=asking(file.id))
        assert done.choices[0].message.content == "I was given: file."
    item = {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_file", "file_id": file.id},
        ],
    }
    assert client.responses.create(model="both", input=[item]).output_text == "I was given: file."
    assert counts("/v3/chat", first, second) == tuple(3 * number for number in at)
    sent = (first if at[0] else second).requests.to("/v3/chat")[-1].body.decode()
    assert file.coze["file_id"] in sent
    assert file.id not in sent


def test_a_key_without_models_uploads_to_the_usual_account(accounts, first, second):
    client = accounts(keys=(GatewayKey.of(KEY, name="sound", models=()),))
    file = client.files.create(**UPLOAD)
    assert client.files.retrieve(file.id).id == file.id
    assert counts("/v1/files/upload", first, second) == (1, 0)


def test_a_file_of_another_account_is_refused_with_what_to_do(accounts, first, second):
    client = accounts()
    upload = functools.partial(client.files.create, **UPLOAD)
    one, two = (upload(extra_body={"model": name}).id for name in ("one", "two"))
    with pytest.raises(openai.BadRequestError, match="form field model=two") as caught:
        client.chat.completions.create(model="two", messages=asking(one))
    assert caught.value.code == "file_of_another_model"
    with pytest.raises(openai.BadRequestError, match="different models"):
        client.chat.completions.create(model="both", messages=[*asking(one), *asking(two)])
    with pytest.raises(openai.BadRequestError, match="form field model"):
        client.chat.completions.create(  # a conversation is the first bot's
            model="both", messages=asking(two), metadata={"conversation_id": "1"}
        )
    assert counts("/v3/chat", first, second) == (0, 0)


def test_a_key_s_files_go_where_its_models_are(accounts, first, second):
    other = "sk-other-0123456789abcdef"
    keys = (GatewayKey.of(KEY, name="a", models=("two",)), GatewayKey.of(other, name="b"))
    client = accounts(keys=keys)
    file = client.files.create(**UPLOAD)
    assert counts("/v1/files/upload", first, second) == (0, 1)
    assert client.chat.completions.create(model="two", messages=asking(file.id))
    theirs = client.with_options(api_key=other).files.create(**UPLOAD)
    assert counts("/v1/files/upload", first, second) == (1, 1)
    with pytest.raises(openai.NotFoundError) as caught:  # none of its models is on that account
        client.files.retrieve(theirs.id)
    assert caught.value.code == "file_not_found"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="two", messages=asking(theirs.id))
    with pytest.raises(openai.NotFoundError, match="no model 'one'"):
        client.files.create(**UPLOAD, extra_body={"model": "one"})
    assert counts("/v1/files/upload", first, second) == (1, 1)
    sound = client.audio.speech.create(model="x", voice="7350000000000000801", input="Hello!")
    assert sound.read()
    assert counts("/v1/audio/speech", first, second) == (0, 1)


def test_any_worker_knows_where_a_file_is(accounts, first, second):
    file = accounts().files.create(**UPLOAD, extra_body={"model": "two"})
    done = accounts().chat.completions.create(model="both", messages=asking(file.id))
    assert done.choices[0].message.content == "I was given: file."
    assert counts("/v3/chat", first, second) == (0, 1)


def test_files_go_to_an_account_that_is_well(accounts, first, second, said):
    client = accounts()
    first.faults.add(Fault(code=4011), path="/v3/chat", times=1)
    client.chat.completions.create(model="both", messages=said("hi"))
    client.files.create(**UPLOAD, extra_body={"model": "both"})
    assert counts("/v1/files/upload", first, second) == (0, 1)


@pytest.mark.parametrize("code", [4011, 4101, 4100, 5000])
def test_a_file_that_one_account_does_not_take_goes_to_another_of_the_model(
    accounts, first, second, code
):
    client = accounts()
    first.faults.add(Fault(code=code), path="/v1/files/upload")
    file = client.files.create(**UPLOAD, extra_body={"model": "both"})
    assert counts("/v1/files/upload", first, second) == (1, 1)
    done = client.chat.completions.create(model="both", messages=asking(file.id))
    assert done.choices[0].message.content == "I was given: file."
    assert counts("/v3/chat", first, second) == (0, 1)
    client.files.create(**UPLOAD, extra_body={"model": "both"})  # what is ill is not asked first
    assert counts("/v1/files/upload", first, second) == (1, 2)


def test_a_file_goes_to_no_account_where_its_model_could_not_read_it(accounts, first, second):
    client = accounts()
    first.faults.add(Fault(code=4011), path="/v1/files/upload")
    with pytest.raises(openai.RateLimitError) as caught:
        client.files.create(**UPLOAD, extra_body={"model": "one"})
    assert caught.value.code == "insufficient_quota"
    assert counts("/v1/files/upload", first, second) == (1, 0)


def test_without_a_model_a_file_goes_elsewhere_only_where_all_models_can_read_it(
    accounts, first, second
):
    other = "sk-other-0123456789abcdef"
    keys = (GatewayKey.of(KEY, name="a"), GatewayKey.of(other, name="b", models=("both",)))
    client = accounts(keys=keys)
    first.faults.add(Fault(code=4101), path="/v1/files/upload", times=2)
    with pytest.raises(openai.PermissionDeniedError):
        client.files.create(**UPLOAD)  # `one` could not read it on the second
    assert counts("/v1/files/upload", first, second) == (1, 0)
    assert client.with_options(api_key=other).files.create(**UPLOAD).id
    assert counts("/v1/files/upload", first, second) == (1, 1)


def test_a_file_that_no_account_would_take_is_asked_of_one_only(accounts, first, second):
    first.faults.add(Fault(code=4303), path="/v1/files/upload")
    with pytest.raises(openai.BadRequestError):
        accounts().files.create(**UPLOAD, extra_body={"model": "both"})
    assert counts("/v1/files/upload", first, second) == (1, 0)


def test_when_all_accounts_fail_the_first_one_s_error_is_told(accounts, first, second):
    first.faults.add(Fault(code=4011), path="/v1/files/upload")
    second.faults.add(Fault(code=4101), path="/v1/files/upload")
    with pytest.raises(openai.RateLimitError):
        accounts().files.create(**UPLOAD, extra_body={"model": "both"})
    assert counts("/v1/files/upload", first, second) == (1, 1)


def test_files_of_callers_with_tokens_of_their_own_are_their_own(accounts, first):
    client = accounts(pass_through=True)
    ours = client.files.create(**UPLOAD)
    first.add_token("pat_alice")
    alice = client.with_options(api_key="pat_alice")
    theirs = alice.files.create(**UPLOAD)
    assert theirs.id == theirs.coze["file_id"]
    assert alice.files.retrieve(theirs.id).id == theirs.id
    done = alice.chat.completions.create(model="two", messages=asking(theirs.id))
    assert done.choices[0].message.content == "I was given: file."
    with pytest.raises(openai.NotFoundError):
        alice.chat.completions.create(model="two", messages=asking(ours.id))


def test_with_one_account_files_have_coze_s_own_ids(gateway):
    client = gateway("assistant")
    file = client.files.create(**UPLOAD)
    assert file.id == file.coze["file_id"]
    assert file.id.isdigit()
