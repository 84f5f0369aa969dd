"""The endpoints of datasets and their images (protocol notes, section 6.7)."""

from __future__ import annotations

from collections.abc import Mapping

from coze_core.emulator import _checks as check
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._others import check_workspace
from coze_core.emulator._state import USER_ID, Reply, State
from coze_core.emulator._store import Document

TEXT, TABLE, IMAGE = 0, 1, 2
PROCESSING, DONE, FAILED = 0, 1, 9


def dataset(state: State, id: str) -> Document:
    """Return a dataset.

    Raises:
        ApiError: If there is none of this id.
    """
    found = state.store.get("dataset", id)
    if found is None:
        raise ApiError(4200, f"Requested resource dataset_id={id} does not exist.")
    return found


def paged(asked: Mapping[str, object], names: tuple[str, str], most: int) -> slice:
    """Return which part of a list is asked for."""
    number = check.number(asked.get(names[0]), names[0], 1, 1, 10**9)
    size = check.number(asked.get(names[1]), names[1], 10, 1, most)
    return slice((number - 1) * size, number * size)


def _named(body: Mapping[str, object]) -> Document:
    name = check.text(body, "name", required=True)
    if len(name) > 100:
        raise ApiError(4000, "Invalid name: at most 100 characters")
    return {"name": name, "description": check.text(body, "description")}


def create(state: State, request: Request) -> Reply:
    """Make a dataset."""
    body = request.json
    check_workspace(check.text(body, "space_id", required=True), "space_id")
    now = state.clock.seconds()
    id = state.clock.new_id()
    made: Document = {
        "dataset_id": id,
        **_named(body),
        "space_id": body["space_id"],
        "format_type": check.number(body.get("format_type"), "format_type", TEXT, TEXT, IMAGE),
        "status": 1,
        "can_edit": True,
        "icon_url": "https://example.com/dataset.png",
        "hit_count": 0,
        "bot_used_count": 0,
        "creator_id": USER_ID,
        "creator_name": "emulated",
        "create_time": now,
        "update_time": now,
    }
    state.store.put("dataset", id, made)
    return state.profile.envelope("dataset", {"dataset_id": id})


def _shown(state: State, found: Document) -> Document:
    documents = state.store.all("document", found["dataset_id"])

    def names(status: int) -> list[str]:
        return [item["name"] for item in documents if item["status"] == status]

    return {
        **found,
        "doc_count": len(documents),
        "slice_count": sum(item["slice_count"] for item in documents),
        "all_file_size": sum(item["size"] for item in documents),
        "file_list": [item["name"] for item in documents],
        "failed_file_list": names(FAILED),
        "processing_file_list": names(PROCESSING),
        "processing_file_id_list": [
            item["document_id"] for item in documents if item["status"] == PROCESSING
        ],
    }


def list_(state: State, request: Request) -> Reply:
    """Return the datasets of a workspace, a page at a time."""
    query = request.query
    check_workspace(query.get("space_id"), "space_id")
    name, kind = query.get("name") or "", query.get("format_type") or ""
    found = [
        item
        for item in state.store.all("dataset")
        if name in item["name"] and kind in {"", str(item["format_type"])}
    ]
    part = found[paged(query, ("page_num", "page_size"), 300)]
    data = {"dataset_list": [_shown(state, item) for item in part], "total_count": len(found)}
    return state.profile.envelope("datasets", data)


def update(state: State, request: Request, id: str) -> Reply:
    """Change a dataset."""
    changed = {**dataset(state, id), **_named(request.json), "update_time": state.clock.seconds()}
    state.store.put("dataset", id, changed)
    return {"code": 0, "msg": ""}


def delete(state: State, request: Request, id: str) -> Reply:  # noqa: ARG001 - as every endpoint
    """Delete a dataset with its documents."""
    dataset(state, id)
    state.store.remove_all("document", id)
    state.store.remove("dataset", id)
    return {"code": 0, "msg": ""}


# -- images


def _image(item: Document) -> Document:
    names = ("document_id", "name", "size", "type", "status", "source_type")
    return {
        **{name: item[name] for name in names},
        "caption": item["caption"],
        "url": f"https://example.com/{item['name']}",
        "creator_id": USER_ID,
        "create_time": item["create_time"],
        "update_time": item["update_time"],
    }


def list_images(state: State, request: Request, id: str) -> Reply:
    """Return the images of a dataset, a page at a time."""
    if dataset(state, id)["format_type"] != IMAGE:
        raise ApiError(4000, "Invalid dataset: it holds no images")
    keyword = request.query.get("keyword") or ""
    wanted = (request.query.get("has_caption") or "").lower()
    found = [
        item
        for item in state.store.all("document", id)
        if keyword in item["caption"] and wanted in {"", str(bool(item["caption"])).lower()}
    ]
    part = found[paged(request.query, ("page_num", "page_size"), 299)]
    data = {"photo_infos": [_image(item) for item in part], "total_count": len(found)}
    return state.profile.envelope("images", data)


def update_image(state: State, request: Request, id: str, document_id: str) -> Reply:
    """Describe an image."""
    item = state.store.get("document", document_id)
    if item is None or item["dataset_id"] != dataset(state, id)["dataset_id"]:
        raise ApiError(4200, f"Requested resource document_id={document_id} does not exist.")
    item["caption"] = check.text(request.json, "caption")
    item["update_time"] = state.clock.seconds()
    state.store.put("document", document_id, item)
    return {"code": 0, "msg": ""}
