"""Variables and datasets through the public API, over the emulator."""

import io
import pickle

import pytest

from coze_core import (
    BadRequestError,
    ChunkStrategy,
    CozeClient,
    DatasetDocument,
    DocumentBase,
    DocumentFailedError,
    NotFoundError,
    PollTimeoutError,
    ProtocolError,
    Variable,
    progress_bar,
)
from coze_core.emulator import WORKSPACE_ID, Bot, Fault

pytestmark = pytest.mark.usefixtures("quick_polls")


async def silent(messages, context):
    return "ok"


# -- variables


@pytest.fixture
def bot(emulator):
    return emulator.add_bot(Bot("keeps", silent, variables={"city": "Paris", "age": ""})).id


def test_a_variable_has_its_default_value_until_it_is_set(client, bot):
    whose = {"bot_id": bot, "connector_uid": "u1"}
    city, age = client.variables.get(**whose)
    assert (city.keyword, city.value, city.create_time, city.is_default) == (
        "city",
        "Paris",
        0,
        True,
    )
    client.variables.set({"age": "36"}, **whose)
    city, age = client.variables.get(**whose)
    assert (age.value, age.is_default, city.is_default) == ("36", False, True)
    assert age.create_time == age.update_time > 0


def test_variables_of_other_users_channels_bots_and_apps_are_others(client, emulator, bot):
    client.variables.set({"city": "Rome"}, bot_id=bot, connector_uid="u1")
    client.variables.set({"city": "Oslo"}, app_id=bot, connector_uid="u1")

    def city(**whose):
        return [item.value for item in client.variables.get(keywords=["city"], **whose)]

    assert city(bot_id=bot, connector_uid="u1") == ["Rome"]
    assert city(bot_id=bot, connector_uid="u1", connector_id="1024") == ["Rome"]
    assert city(bot_id=bot, connector_uid="u2") == ["Paris"]
    assert city(bot_id=bot, connector_uid="u1", connector_id="999") == ["Paris"]
    assert city(app_id=bot, connector_uid="u1") == ["Oslo"]
    assert city(bot_id=emulator.bot_id("echo"), connector_uid="u1") == []


def test_only_the_named_variables_are_returned_and_unknown_names_left_out(client, bot, emulator):
    whose = {"bot_id": bot, "connector_uid": "u1"}
    found = client.variables.get(keywords=["age", "nothing", "city"], **whose)
    assert [item.keyword for item in found] == ["age", "city"]
    assert emulator.requests.to("/v1/variables")[-1].query["keywords"] == "age,nothing,city"


def test_a_variable_that_a_bot_does_not_declare_is_refused_by_the_server(client, bot):
    with pytest.raises(Exception, match="does not exist") as raised:
        client.variables.set({"zip": "1"}, bot_id=bot, connector_uid="u1")
    assert raised.value.code == 4000
    with pytest.raises(NotFoundError):
        client.variables.get(bot_id="1", connector_uid="u1")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({}, ValueError, "give bot_id or app_id"),
        ({"bot_id": "1", "app_id": "2"}, ValueError, "give bot_id or app_id"),
        ({"bot_id": 1}, TypeError, "bot_id must be a string"),
        ({"bot_id": "1", "connector_uid": ""}, ValueError, "connector_uid must not be empty"),
        ({"bot_id": "1", "keywords": "a"}, TypeError, "a list of names"),
        ({"bot_id": "1", "keywords": []}, ValueError, "leave it out"),
        ({"bot_id": "1", "keywords": ["a,b"]}, ValueError, "no comma"),
    ],
)
def test_bad_questions_for_variables_are_refused_before_they_are_sent(
    client, emulator, arguments, error, says
):
    with pytest.raises(error, match=says):
        client.variables.get(**{"connector_uid": "u1", **arguments})
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("values", "error"), [({}, ValueError), ({"a": 1}, TypeError), (["a"], TypeError)]
)
def test_bad_variables_are_refused_before_they_are_sent(client, emulator, values, error):
    with pytest.raises(error):
        client.variables.set(values, bot_id="1", connector_uid="u1")
    assert emulator.requests == []


@pytest.mark.anyio
async def test_variables_can_be_awaited(async_client, bot):
    whose = {"bot_id": bot, "connector_uid": "u1"}
    await async_client.variables.set({"city": "Rome"}, **whose)
    [city] = await async_client.variables.get(keywords=["city"], **whose)
    assert isinstance(city, Variable)
    assert city.value == "Rome"
    assert city.log_id


# -- datasets

TEXT = DocumentBase.from_text("Ada wrote programs.", name="ada.txt")
PNG = b"\x89PNG emulated"


@pytest.fixture
def dataset_id(client):
    return client.datasets.create(name="Handbook", space_id=WORKSPACE_ID).dataset_id


@pytest.fixture
def gallery(client):
    made = client.datasets.create(name="Pets", space_id=WORKSPACE_ID, format_type="image")
    return made.dataset_id


def test_a_dataset_is_made_listed_changed_and_deleted(client):
    made = client.datasets.create(name="Handbook", space_id=WORKSPACE_ID, description="All of it")
    assert (made.name, made.kind, made.space_id) == ("Handbook", "text", WORKSPACE_ID)
    assert made.dataset_id
    assert made.log_id
    client.datasets.update(dataset_id=made.dataset_id, name="Guide", description="More")
    [found] = client.datasets.list(space_id=WORKSPACE_ID)
    assert (found.name, found.description, found.doc_count, found.status) == (
        "Guide",
        "More",
        0,
        1,
    )
    client.datasets.delete(dataset_id=made.dataset_id)
    assert list(client.datasets.list(space_id=WORKSPACE_ID)) == []
    with pytest.raises(NotFoundError):
        client.datasets.update(dataset_id=made.dataset_id, name="x")


def test_datasets_come_in_pages_and_can_be_filtered(client, emulator):
    for number in range(5):
        kind = "image" if number == 3 else "text"
        client.datasets.create(name=f"d{number}", space_id=WORKSPACE_ID, format_type=kind)
    pages = list(client.datasets.list(space_id=WORKSPACE_ID, page_size=2).pages())
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert {page.total for page in pages} == {5}
    [image] = client.datasets.list(space_id=WORKSPACE_ID, format_type="image")
    assert (image.name, image.kind) == ("d3", "image")
    assert [d.name for d in client.datasets.list(space_id=WORKSPACE_ID, name="4")] == ["d4"]


def test_documents_are_worked_on_and_then_can_be_recalled(client, dataset_id):
    [made] = client.datasets.documents.create(dataset_id=dataset_id, documents=[TEXT])
    assert isinstance(made, DatasetDocument)
    assert (made.ended, made.failed, made.name, made.type) == (False, False, "ada.txt", "txt")
    seen = []
    while not seen or not seen[-1].ended:
        seen += client.datasets.progress(dataset_id=dataset_id, document_ids=[made.document_id])
    assert [item.progress for item in seen] == [34, 67, 100]
    assert not seen[-1].failed
    [listed] = client.datasets.documents.list(dataset_id=dataset_id)
    assert (listed.char_count, listed.slice_count, listed.source_type) == (19, 1, 0)
    [found] = client.datasets.list(space_id=WORKSPACE_ID)
    assert (found.doc_count, found.file_list) == (1, ["ada.txt"])


def test_waiting_tells_of_the_progress_and_returns_when_all_is_done(
    client, dataset_id, emulator, tmp_path
):
    path = tmp_path / "b.md"
    path.write_bytes(b"# Notes")
    upload = client.files.upload(("c.txt", b"third"))
    seen = []
    done = client.datasets.documents.create_and_wait(
        dataset_id=dataset_id,
        documents=[
            TEXT,
            DocumentBase.from_file(path),
            DocumentBase.from_file(("notes", b"fourth"), file_type="txt"),
            DocumentBase.from_file_id(upload.id, name="c.txt"),
            DocumentBase.from_url("https://example.com/a", update_interval_hours=24),
        ],
        chunk_strategy=ChunkStrategy.custom(max_tokens=100, separator="#"),
        on_progress=lambda items: seen.append([item.progress for item in items]),
    )
    assert seen == [[34] * 5, [67] * 5, [100] * 5]
    assert [item.document_name for item in done] == [
        "ada.txt",
        "b.md",
        "notes",
        "c.txt",
        "https://example.com/a",
    ]
    assert all(item.ended and not item.failed for item in done)
    assert (done[-1].update_type, done[-1].update_interval) == (1, 24)
    [request] = emulator.requests.to("/open_api/knowledge/document/create")
    assert request.headers["agw-js-conv"] == "str"
    assert request.json["chunk_strategy"]["max_tokens"] == 100
    listed = list(client.datasets.documents.list(dataset_id=dataset_id, page_size=2))
    assert [item.source_type for item in listed] == [0, 0, 0, 5, 1]
    assert listed[-1].web_url == "https://example.com/a"


def test_a_document_that_cannot_be_processed_is_an_error(client, dataset_id):
    bad = DocumentBase.from_text("x", name="please fail.txt")
    with pytest.raises(DocumentFailedError, match="it asked to fail") as raised:
        client.datasets.documents.create_and_wait(dataset_id=dataset_id, documents=[TEXT, bad])
    [failed] = raised.value.documents
    assert (failed.document_name, failed.status, failed.failed) == ("please fail.txt", 9, True)
    again = pickle.loads(pickle.dumps(raised.value))
    assert again.documents[0].document_name == "please fail.txt"
    assert raised.value.hint_zh
    assert raised.value.log_id
    [found] = client.datasets.list(space_id=WORKSPACE_ID)
    assert found.failed_file_list == ["please fail.txt"]


def test_a_document_without_text_fails(client, dataset_id):
    upload = client.files.upload(("blank.txt", b"  "))
    blank = DocumentBase.from_file_id(upload.id, name="blank.txt")
    with pytest.raises(DocumentFailedError, match="no text was found"):
        client.datasets.documents.create_and_wait(dataset_id=dataset_id, documents=[blank])


def test_waiting_has_an_end(client, dataset_id):
    with pytest.raises(PollTimeoutError, match="were not processed within"):
        client.datasets.documents.create_and_wait(
            dataset_id=dataset_id, documents=[TEXT], poll_timeout=0.01
        )


def test_a_server_that_takes_fewer_documents_is_an_error(client, emulator, dataset_id):
    body = b'{"code":0,"msg":"","document_infos":[]}'
    emulator.faults.add(Fault(status=200, body=body), path="/open_api/knowledge/document/create")
    with pytest.raises(ProtocolError, match="took 0 of 1 documents"):
        client.datasets.documents.create_and_wait(dataset_id=dataset_id, documents=[TEXT])


def test_a_progress_bar_shows_how_far_the_server_is(client, dataset_id):
    shown = io.StringIO()
    client.datasets.documents.create_and_wait(
        dataset_id=dataset_id,
        documents=[TEXT],
        on_progress=progress_bar(file=shown, desc="Handbook", mininterval=0),
    )
    assert "Handbook:  34%" in shown.getvalue()
    assert "Handbook: 100%" in shown.getvalue()


def test_a_progress_bar_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        progress_bar()


def test_documents_are_renamed_and_deleted(client, dataset_id):
    documents = client.datasets.documents
    page = DocumentBase.from_url("https://example.com/a")
    first, second = documents.create(dataset_id=dataset_id, documents=[TEXT, page])
    documents.update(document_id=first.document_id, name="b.txt")
    documents.update(document_id=second.document_id, update_interval_hours=48)
    found = list(documents.list(dataset_id=dataset_id))
    assert [(item.name, item.update_interval) for item in found] == [
        ("b.txt", 0),
        ("https://example.com/a", 48),
    ]
    documents.update(document_id=second.document_id, update_interval_hours=0)
    documents.delete(document_ids=[first.document_id])
    [left] = documents.list(dataset_id=dataset_id)
    assert (left.document_id, left.update_type) == (second.document_id, 0)
    with pytest.raises(NotFoundError):
        documents.delete(document_ids=[first.document_id])


def test_images_are_described_by_the_server_or_by_hand(client, gallery, dataset_id):
    client.datasets.documents.create_and_wait(
        dataset_id=gallery,
        documents=[DocumentBase.from_file(("cat.png", PNG))],
        format_type="image",
    )
    [image] = client.datasets.images.list(dataset_id=gallery)
    assert (image.name, image.caption, image.ended) == ("cat.png", "A picture called cat", True)
    whose = {"dataset_id": gallery, "document_id": image.document_id}
    client.datasets.images.update(**whose, caption="A grey cat")
    [found] = client.datasets.images.list(dataset_id=gallery, keyword="grey")
    assert found.caption == "A grey cat"
    assert list(client.datasets.images.list(dataset_id=gallery, has_caption=False)) == []
    with pytest.raises(NotFoundError):
        client.datasets.images.update(**{**whose, "document_id": "1"}, caption="x")
    with pytest.raises(BadRequestError, match="holds no images"):
        list(client.datasets.images.list(dataset_id=dataset_id))


def test_captions_by_hand_are_kept(client, gallery):
    client.datasets.documents.create_and_wait(
        dataset_id=gallery,
        documents=[
            DocumentBase.from_file(("cat.png", PNG), caption="Tom"),
            DocumentBase.from_file(("dog.png", PNG)),
        ],
        format_type="image",
        chunk_strategy=ChunkStrategy.captions("hand"),
    )
    images = client.datasets.images
    assert [image.caption for image in images.list(dataset_id=gallery)] == ["Tom", ""]
    [found] = images.list(dataset_id=gallery, has_caption=True)
    assert found.name == "cat.png"


def test_the_server_refuses_files_that_a_dataset_does_not_take(client, gallery, dataset_id):
    with pytest.raises(BadRequestError, match="takes no txt files"):
        client.datasets.documents.create(dataset_id=gallery, documents=[TEXT], format_type="image")
    with pytest.raises(BadRequestError, match="holds something else"):
        client.datasets.documents.create(dataset_id=gallery, documents=[TEXT])
    with pytest.raises(NotFoundError, match="source_file_id"):
        client.datasets.documents.create(
            dataset_id=dataset_id, documents=[DocumentBase.from_file_id("1")]
        )


def test_what_cannot_be_a_document_is_refused_when_it_is_made(tmp_path):
    for make, error, says in (
        (lambda: DocumentBase.from_text("", name="a"), ValueError, "is empty"),
        (lambda: DocumentBase.from_text("x", name=" "), ValueError, "needs a name"),
        (lambda: DocumentBase.from_text("x", name=1), TypeError, "name is text"),
        (lambda: DocumentBase.from_file(tmp_path / "no.txt"), ValueError, "no file at"),
        (lambda: DocumentBase.from_file(("notes", b"x")), ValueError, "by its suffix"),
        (lambda: DocumentBase.from_file(7), TypeError, "must be a path"),
        (lambda: DocumentBase.from_url("ftp://x"), ValueError, "public https address"),
        (lambda: DocumentBase.from_file_id(7), TypeError, "must be a string"),
        (lambda: DocumentBase.from_file_id(" "), ValueError, "must not be empty"),
        (lambda: DocumentBase("a"), ValueError, "one source"),
        (
            lambda: DocumentBase.from_url("https://x", update_interval_hours=2),
            ValueError,
            "24 or more",
        ),
        (lambda: ChunkStrategy.custom(max_tokens=99), ValueError, "from 100 to 2000"),
        (lambda: ChunkStrategy.custom(separator=""), ValueError, "separator"),
        (lambda: ChunkStrategy.captions("me"), ValueError, "'auto' or 'hand'"),
    ):
        with pytest.raises(error, match=says):
            make()


def test_bad_requests_for_datasets_are_refused_before_they_are_sent(client, emulator):
    large = DocumentBase.from_text("x" * 12_000_000, name="large.txt")
    captioned = DocumentBase.from_file(("cat.png", PNG), caption="Tom")
    sets, documents = client.datasets, client.datasets.documents
    for call, error, says in (
        (lambda: sets.create(name="", space_id="1"), ValueError, "1 to 100 characters"),
        (lambda: sets.create(name=1, space_id="1"), TypeError, "name is text"),
        (lambda: sets.create(name="a", space_id=1), TypeError, "space_id must be a string"),
        (lambda: sets.create(name="a", space_id="1", format_type=2), ValueError, "one of text"),
        (lambda: sets.list(space_id="1", page_size=301), ValueError, "from 1 to 300"),
        (lambda: sets.delete(dataset_id="../x"), ValueError, "not an id"),
        (lambda: sets.images.list(dataset_id="1", page_size=300), ValueError, "1 to 299"),
        (
            lambda: sets.images.update(dataset_id="1", document_id="2", caption=None),
            TypeError,
            "caption must be text",
        ),
        (lambda: sets.progress(dataset_id="1", document_ids=[]), ValueError, "is empty"),
        (lambda: sets.progress(dataset_id="1", document_ids="2"), TypeError, "is a list"),
        (lambda: documents.create(dataset_id="1", documents=[]), ValueError, "1 to 10"),
        (lambda: documents.create(dataset_id="1", documents=[TEXT] * 11), ValueError, "1 to 10"),
        (lambda: documents.create(dataset_id="1", documents=["a.txt"]), TypeError, "from_file"),
        (lambda: documents.create(dataset_id="1", documents=[large]), ValueError, "from_file_id"),
        (
            lambda: documents.create(dataset_id="1", documents=[captioned]),
            ValueError,
            "would be lost",
        ),
        (
            lambda: documents.create(
                dataset_id="1",
                documents=[captioned],
                format_type="image",
                chunk_strategy=ChunkStrategy.captions("auto"),
            ),
            ValueError,
            "would be lost",
        ),
        (lambda: documents.list(dataset_id="1", page_size=0), ValueError, "1 or more"),
        (lambda: documents.update(document_id="1"), ValueError, "nothing to change"),
        (lambda: documents.update(document_id="1", name=" "), ValueError, "not be empty"),
        (lambda: documents.delete(document_ids=["1"] * 101), ValueError, "too many"),
        (
            lambda: documents.create_and_wait(dataset_id="1", documents=[TEXT], poll_timeout=0),
            ValueError,
            "more than 0",
        ),
    ):
        with pytest.raises(error, match=says):
            call()
    assert emulator.requests == []


def test_datasets_work_with_coze_studio(studio):
    with CozeClient(studio.token, base_url=studio.base_url) as client:
        made = client.datasets.create(name="Handbook", space_id=WORKSPACE_ID)
        client.datasets.documents.create_and_wait(dataset_id=made.dataset_id, documents=[TEXT])
        [found] = client.datasets.documents.list(dataset_id=made.dataset_id)
        assert found.char_count == 19


@pytest.mark.anyio
async def test_datasets_can_be_awaited(async_client):
    datasets = async_client.datasets
    made = await datasets.create(name="Pets", space_id=WORKSPACE_ID, format_type="image")
    seen = []
    done = await datasets.documents.create_and_wait(
        dataset_id=made.dataset_id,
        documents=[DocumentBase.from_file(("cat.png", PNG))],
        format_type="image",
        on_progress=seen.append,
    )
    assert len(seen) == 3
    assert [item.ended for item in done] == [True]
    [image] = [item async for item in datasets.images.list(dataset_id=made.dataset_id)]
    assert image.caption
    await datasets.delete(dataset_id=made.dataset_id)
    assert [item async for item in datasets.list(space_id=WORKSPACE_ID)] == []
