"""Datasets as LangChain documents, over the emulator."""

import pytest
from langchain_core.documents import Document

import langchain_coze
from coze_core import ChunkStrategy, DocumentBase, NotFoundError
from coze_core.emulator import WORKSPACE_ID
from langchain_coze import CozeDatasetLoader

pytestmark = pytest.mark.usefixtures("quick_polls")


@pytest.fixture
def handbook(client):
    made = client.datasets.create(name="Handbook", space_id=WORKSPACE_ID)
    texts = [DocumentBase.from_text("x" * n, name=f"{n}.txt") for n in range(1, 9)]
    page = DocumentBase.from_url("https://example.com/a", name="page")
    documents = [*texts, page]
    client.datasets.documents.create_and_wait(dataset_id=made.dataset_id, documents=documents)
    client.datasets.documents.create(dataset_id=made.dataset_id, documents=texts[:3])
    return made.dataset_id


@pytest.fixture
def gallery(client):
    made = client.datasets.create(name="Pets", space_id=WORKSPACE_ID, format_type="image")
    client.datasets.documents.create_and_wait(
        dataset_id=made.dataset_id,
        documents=[
            DocumentBase.from_file(
                ("cat", b"x"), file_type=".PNG", name="cat.png", caption="A grey cat"
            ),
            DocumentBase.from_file(("dog.png", b"x")),
        ],
        format_type="image",
        chunk_strategy=ChunkStrategy.captions("hand"),
    )
    return made.dataset_id


def test_documents_are_loaded_with_all_that_the_api_tells(client, handbook, emulator):
    emulator.requests.clear()
    loading = CozeDatasetLoader(handbook, client=client).lazy_load()
    first = next(loading)
    assert len(emulator.requests) == 1  # further pages come when they are needed
    assert isinstance(first, Document)
    assert first.page_content == "1.txt"
    assert first.id == first.metadata["document_id"]
    known = {"dataset_id": handbook, "name": "1.txt", "type": "txt", "char_count": 1, "status": 1}
    assert known.items() <= first.metadata.items()
    assert first.metadata["source"] == f"coze:dataset/{handbook}/document/{first.id}"
    rest = list(loading)
    assert len(rest) == 11
    assert len(emulator.requests) == 2
    assert rest[7].metadata["source"] == "https://example.com/a"
    assert rest[-1].metadata["status"] == 0  # still being worked on: told, not hidden
    assert all(isinstance(value, str | int) for item in rest for value in item.metadata.values())


def test_images_are_loaded_as_their_captions(client, gallery):
    cat, dog = CozeDatasetLoader(gallery, client=client).load()
    assert (cat.page_content, cat.metadata["caption"]) == ("A grey cat", "A grey cat")
    assert cat.metadata["source"].startswith("https://")
    assert dog.page_content == "dog.png"  # nobody has described it


def test_the_text_of_documents_is_refused_with_what_to_do_instead(handbook):
    with pytest.raises(ValueError, match="gives no text of documents back"):
        CozeDatasetLoader(handbook, content="text")
    with pytest.raises(ValueError, match="must be 'about'"):
        CozeDatasetLoader(handbook, content="summary")
    with pytest.raises(ValueError, match="dataset_id"):
        CozeDatasetLoader("")


def test_a_client_is_made_from_the_environment(handbook, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    assert len(CozeDatasetLoader(handbook).load()) == 12
    with pytest.raises(NotFoundError):
        CozeDatasetLoader("1").load()


@pytest.mark.anyio
async def test_documents_can_be_awaited(async_client, handbook, gallery, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    assert len(await CozeDatasetLoader(handbook, async_client=async_client).aload()) == 12
    found = [item.page_content async for item in CozeDatasetLoader(gallery).alazy_load()]
    assert found == ["A grey cat", "dog.png"]


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = langchain_coze.Nothing
