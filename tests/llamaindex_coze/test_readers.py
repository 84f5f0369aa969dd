"""Datasets as LlamaIndex documents, over the emulator."""

import pytest
from llama_index.core import Document

from coze_core import DocumentBase, NotFoundError
from coze_core.emulator import WORKSPACE_ID
from llamaindex_coze import CozeDatasetReader

pytestmark = pytest.mark.usefixtures("quick_polls")


@pytest.fixture
def handbook(client):
    made = client.datasets.create(name="Handbook", space_id=WORKSPACE_ID)
    texts = [DocumentBase.from_text("x" * n, name=f"{n}.txt") for n in range(1, 4)]
    client.datasets.documents.create_and_wait(dataset_id=made.dataset_id, documents=texts)
    return made.dataset_id


@pytest.fixture
def gallery(client):
    made = client.datasets.create(name="Pets", space_id=WORKSPACE_ID, format_type="image")
    client.datasets.documents.create_and_wait(
        dataset_id=made.dataset_id,
        documents=[DocumentBase.from_file(("cat.png", b"x"))],
        format_type="image",
    )
    return made.dataset_id


def test_documents_are_read_with_all_that_the_api_tells(client, handbook):
    documents = CozeDatasetReader(client=client).load_data(dataset_id=handbook)
    assert [document.text for document in documents] == ["1.txt", "2.txt", "3.txt"]
    [_, second, _] = documents
    assert isinstance(second, Document)
    assert second.doc_id == second.metadata["document_id"]
    assert second.metadata["char_count"] == 2
    assert second.metadata["source"].startswith("coze:dataset/")


def test_images_are_read_as_their_captions(client, gallery):
    [cat] = CozeDatasetReader(client=client).lazy_load_data(gallery)
    assert cat.text == "A picture called cat"


def test_the_text_of_documents_is_refused_with_what_to_do_instead(client, handbook):
    reader = CozeDatasetReader(client=client)
    with pytest.raises(ValueError, match="gives no text of documents back"):
        reader.lazy_load_data(handbook, content="text")
    with pytest.raises(ValueError, match="dataset_id"):
        reader.load_data("")


def test_a_client_is_made_from_the_environment(handbook, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    assert len(CozeDatasetReader().load_data(handbook)) == 3
    with pytest.raises(NotFoundError):
        CozeDatasetReader().load_data("1")


@pytest.mark.anyio
async def test_documents_can_be_awaited(async_client, handbook, gallery, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    assert len(await CozeDatasetReader(async_client=async_client).aload_data(handbook)) == 3
    [cat] = await CozeDatasetReader().aload_data(gallery)
    assert cat.metadata["caption"] == "A picture called cat"
