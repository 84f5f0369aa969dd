"""A client of one's own class: its attributes are in every copy, its connections are not."""

import asyncio
import copy
import pickle
import threading

import pytest

from coze_core import AsyncCozeClient, CozeClient


class Named:
    """What a subclass adds."""

    def __init__(self, *args, name, **options):
        super().__init__(*args, **options)
        self.name = name
        self.seen = {"calls": [0]}
        self.me = self
        self._chat = "private, and not the resource"


class OwnClient(Named, CozeClient):
    """A blocking client with a name."""


class OwnAsyncClient(Named, AsyncCozeClient):
    """An awaiting client with a name."""


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda client: pickle.loads(pickle.dumps(client)),
    "with_options": lambda client: client.with_options(timeout=3, headers={"X-A": "b"}),
    "with_auth": lambda client: client.with_auth("pat_of_another_account"),
}
every_copy = pytest.mark.parametrize("way", COPIES)
both = pytest.mark.parametrize(
    ("kind", "own"), [(CozeClient, OwnClient), (AsyncCozeClient, OwnAsyncClient)]
)


@pytest.fixture(autouse=True)
def _account(emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)


def use(client):
    """Make everything that is made at a first use; return who the client is."""
    assert client.bots.client is client.workflows.client is client.datasets.client is client
    found = client.users.me()
    return found.user_name if isinstance(client, CozeClient) else asyncio.run(found).user_name


@both
@every_copy
def test_a_copy_has_what_the_subclass_has_set(kind, own, way):
    original = own(name="mine")
    for _ in range(2):  # before and after its use
        twin = COPIES[way](original)
        assert type(twin) is own
        assert (twin.name, twin.seen, twin._chat) == ("mine", {"calls": [0]}, original._chat)
        use(original)


@both
@every_copy
def test_resources_are_those_of_the_copy(kind, own, way, emulator):
    original = own(name="mine")
    use(original)
    twin = COPIES[way](original)
    for name in ("chat", "conversations", "files", "users", "bots", "workflows", "audio"):
        assert getattr(twin, name).client is twin
        assert getattr(original, name).client is original
    if way != "with_auth":
        assert use(twin) == "emulated"
    if way == "with_options":
        assert emulator.requests[-1].headers["x-a"] == "b"


@both
def test_a_copy_shares_its_attributes_and_a_deep_one_has_its_own(kind, own):
    original = own(name="mine")
    assert copy.copy(original).seen is original.seen
    for way in ("deepcopy", "pickle"):
        twin = COPIES[way](original)
        twin.seen["calls"].append(1)
        assert original.seen == {"calls": [0]}
        assert twin.me is twin


@both
def test_an_attribute_that_cannot_be_copied_is_not_left_out(kind, own):
    original = own(name=threading.Lock())
    assert copy.copy(original).name is original.name
    for way in ("deepcopy", "pickle"):
        with pytest.raises(TypeError, match="lock"):
            COPIES[way](original)


@both
def test_nothing_of_a_plain_client_is_taken_for_an_attribute_of_a_subclass(kind, own):
    for make in (kind, lambda: kind(protocol="v2")):
        client = make()
        if kind is CozeClient:
            client.detect()
        else:
            asyncio.run(client.detect())
        use(client)
        assert client.__getstate__()["own"] == {}
        assert vars(copy.copy(client)).keys() == vars(make()).keys()
