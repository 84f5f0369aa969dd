"""Datasets and their images (protocol notes, section 6.7)."""

from __future__ import annotations

from typing import Final, Literal

from coze_core._call import Call
from coze_core._dataset_models import KINDS, Dataset, DatasetImage
from coze_core._endpoints._checks import check_id, given
from coze_core._endpoints.conversations import path_id
from coze_core._flow import Flow, send
from coze_core._paging import Pages

DatasetKind = Literal["text", "table", "image"]
_MOST: Final = 300  # datasets a page
_MOST_IMAGES: Final = 299


def create(
    *,
    name: str,
    space_id: str,
    format_type: DatasetKind = "text",
    description: str | None = None,
    icon_file_id: str | None = None,
) -> Flow[Dataset]:
    """Make a dataset.

    Args:
        name: Its name, up to 100 characters.
        space_id: The workspace.
        format_type: What it holds: `text`, `table` or `image`.
        description: What it is about.
        icon_file_id: An uploaded image.

    Returns:
        The dataset: its new id and what was given; the server says no more.

    Raises:
        TypeError: An id that is not a string.
        ValueError: Arguments that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.datasets.create(name="Handbook", space_id="7348").dataset_id  # doctest: +SKIP

    Protocol: section 6.7.
    """
    known = {
        "name": _check_name(name),
        "space_id": check_id("space_id", space_id),
        "format_type": kind_number(format_type),
        "description": description or "",
    }
    body = given(**{**known, "description": description}, file_id=icon_file_id)
    reply = yield from send(Call("POST", "/v1/datasets", json=body))
    return reply.read(Dataset).model_copy(update=known)


def list(
    *,
    space_id: str,
    name: str | None = None,
    format_type: DatasetKind | None = None,
    page_size: int = 10,
) -> Pages[Dataset]:
    """Iterate over the datasets of a workspace.

    Args:
        space_id: The workspace.
        name: Only those whose name contains this.
        format_type: Only those that hold `text`, `table` or `image`.
        page_size: Datasets a request, up to 300.

    Raises:
        ValueError: A page size or format type that Coze would refuse.
        CozeError: While iterating: the server refused.

    Example:
        >>> for dataset in client.datasets.list(space_id="7348"):  # doctest: +SKIP
        ...     print(dataset.dataset_id, dataset.name, dataset.doc_count)

    Protocol: section 6.7.
    """
    query = {
        "space_id": check_id("space_id", space_id),
        "name": name,
        "format_type": None if format_type is None else kind_number(format_type),
    }
    check_size(page_size, _MOST)
    call = Call("GET", "/v1/datasets", query=query, repeatable=True)
    return Pages(call, Dataset, "dataset_list", "page_num", page_size)


def update(
    *,
    dataset_id: str,
    name: str,
    description: str | None = None,
    icon_file_id: str | None = None,
) -> Flow[None]:
    """Give a dataset another name, description and icon. What is left out becomes the default.

    Args:
        dataset_id: The dataset.
        name: Its name, up to 100 characters.
        description: What it is about.
        icon_file_id: An uploaded image.

    Raises:
        ValueError: Arguments that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.datasets.update(dataset_id="7385", name="Handbook")  # doctest: +SKIP

    Protocol: section 6.7.
    """
    body = given(name=_check_name(name), description=description, file_id=icon_file_id)
    yield from send(Call("PUT", path(dataset_id), json=body, repeatable=True))


def delete(*, dataset_id: str) -> Flow[None]:
    """Delete a dataset with all its documents; bots that use it are unbound.

    Args:
        dataset_id: The dataset.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.datasets.delete(dataset_id="7385")  # doctest: +SKIP

    Protocol: section 6.7.
    """
    yield from send(Call("DELETE", path(dataset_id)))


def list_images(
    *,
    dataset_id: str,
    keyword: str | None = None,
    has_caption: bool | None = None,
    page_size: int = 10,
) -> Pages[DatasetImage]:
    """Iterate over the images of a dataset.

    Args:
        dataset_id: The dataset.
        keyword: Only those whose caption contains this.
        has_caption: Only those with, or without, a caption.
        page_size: Images a request, up to 299.

    Raises:
        ValueError: A page size that Coze would refuse.
        CozeError: While iterating: the server refused.

    Example:
        >>> for image in client.datasets.images.list(dataset_id="7385"):  # doctest: +SKIP
        ...     print(image.name, image.caption)

    Protocol: section 6.7.
    """
    check_size(page_size, _MOST_IMAGES)
    query = {
        "keyword": keyword,
        "has_caption": None if has_caption is None else str(has_caption).lower(),
    }
    call = Call("GET", f"{path(dataset_id)}/images", query=query, repeatable=True)
    return Pages(call, DatasetImage, "photo_infos", "page_num", page_size)


def update_image(*, dataset_id: str, document_id: str, caption: str) -> Flow[None]:
    """Describe an image.

    Args:
        dataset_id: The dataset.
        document_id: The image.
        caption: What it shows.

    Raises:
        TypeError: A caption that is not text.
        CozeError: The server refused.

    Example:
        >>> client.datasets.images.update(
        ...     dataset_id="7385", document_id="7386", caption="A cat"
        ... )  # doctest: +SKIP

    Protocol: section 6.7.
    """
    if not isinstance(caption, str):
        raise TypeError(f"caption must be text, not {type(caption).__name__}")
    url = f"{path(dataset_id)}/images/{path_id('document_id', document_id)}"
    yield from send(Call("PUT", url, json={"caption": caption}, repeatable=True))


def path(dataset_id: str) -> str:
    """Return the path of a dataset."""
    return f"/v1/datasets/{path_id('dataset_id', dataset_id)}"


def kind_number(kind: str) -> int:
    """Return what a dataset holds, as it goes on the wire.

    Raises:
        ValueError: Something else.
    """
    if kind not in KINDS:
        raise ValueError(f"format_type must be one of {', '.join(KINDS)}, not {kind!r}")
    return KINDS[kind]


def check_size(page_size: int, most: int) -> None:
    """Refuse a page size that Coze would refuse.

    Raises:
        ValueError: Too many or none.
    """
    if not 1 <= page_size <= most:
        raise ValueError(f"page_size must be from 1 to {most}")


def _check_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a dataset's name is text, not {type(name).__name__}")
    if not 1 <= len(name.strip()) <= 100:
        raise ValueError("a dataset's name has 1 to 100 characters")
    return name
