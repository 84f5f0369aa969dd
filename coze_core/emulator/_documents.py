"""The endpoints of the documents of datasets (protocol notes, section 6.7).

A document is processed while it is looked at: each look, at its progress or at the list, takes it a
third of the way. One without text fails, and so does one whose name or address has `fail` in it.
Web pages are not fetched.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from coze_core.emulator import _checks as check
from coze_core.emulator._datasets import (
    DONE,
    FAILED,
    IMAGE,
    PROCESSING,
    TABLE,
    TEXT,
    dataset,
    paged,
)
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._state import Reply, State
from coze_core.emulator._store import Document

_STEPS = (0, 34, 67, 100)  # percent after each look
_MOST = 10
_TYPES = {
    TEXT: {"txt", "pdf", "doc", "docx", "md"},
    TABLE: {"csv", "xls", "xlsx"},
    IMAGE: {"jpg", "jpeg", "png", "webp", "gif", "bmp"},
}
_HIDDEN = ("dataset_id", "caption", "looks", "fails", "url")
_FILE, _WEB, _UPLOADED = 0, 1, 5


def _check_header(state: State, request: Request) -> None:
    if not state.profile.is_studio and request.headers.get("agw-js-conv") != "str":
        raise ApiError(4000, "The header Agw-Js-Conv: str is required")


def create(state: State, request: Request) -> Reply:
    """Put documents into a dataset."""
    _check_header(state, request)
    body = request.json
    found = dataset(state, check.text(body, "dataset_id", required=True))
    kind = check.number(body.get("format_type"), "format_type", found["format_type"], TEXT, IMAGE)
    if kind != found["format_type"]:
        raise ApiError(4000, "Invalid format_type: the dataset holds something else")
    bases = body.get("document_bases")
    if not isinstance(bases, list) or not 1 <= len(bases) <= _MOST:
        raise ApiError(4000, f"Invalid document_bases: 1 to {_MOST} documents")
    strategy = _strategy(state, found, check.mapping(body, "chunk_strategy"))
    made = [_document(state, base, found, strategy) for base in bases]
    for item in made:
        state.store.put("document", item["document_id"], item, parent=found["dataset_id"])
    return {"code": 0, "msg": "", "document_infos": [_shown(item) for item in made]}


def _strategy(state: State, found: Document, given: Document) -> Document:
    """Return how documents are cut: as with the first of the dataset."""
    if "chunk_strategy" in found:
        known: Document = found["chunk_strategy"]
        return known
    chosen = {name: value for name, value in given.items() if value is not None}
    if chosen.get("chunk_type") == 1:
        check.number(chosen.get("max_tokens"), "max_tokens", 0, 100, 2000)
        if not chosen.get("max_tokens") or not chosen.get("separator"):
            raise ApiError(4000, "Invalid chunk_strategy: max_tokens and separator are required")
    chosen.setdefault("chunk_type", 0)
    state.store.put("dataset", found["dataset_id"], {**found, "chunk_strategy": chosen})
    return chosen


def _document(state: State, base: object, found: Document, strategy: Document) -> Document:
    if not isinstance(base, dict):
        raise ApiError(4000, "Invalid type of document_bases: expected objects")
    name = check.text(base, "name", required=True)
    content, type, source, url = _source(state, check.mapping(base, "source_info"))
    if source != _WEB and type not in _TYPES[found["format_type"]]:
        raise ApiError(4000, f"Invalid file_type: this dataset takes no {type or 'such'} files")
    text = "" if found["format_type"] == IMAGE else content.decode("utf-8", "replace")
    now = state.clock.seconds()
    by_hand = strategy.get("caption_type") == 1
    return {
        "document_id": state.clock.new_id(),
        "dataset_id": found["dataset_id"],
        "name": name,
        "caption": check.text(base, "caption") if by_hand else "",
        "url": url,
        "looks": 0,
        "fails": "fail" in (name + url).lower() or (source != _WEB and not content.strip()),
        "chunk_strategy": strategy,
        "format_type": found["format_type"],
        "source_type": source,
        "type": type,
        "size": len(content),
        "char_count": len(text),
        "slice_count": 0,
        "hit_count": 0,
        "status": PROCESSING,
        **_rule(check.mapping(base, "update_rule")),
        "create_time": now,
        "update_time": now,
    }


def _source(state: State, source: Mapping[str, Any]) -> tuple[bytes, str, int, str]:
    """Return the content, file type, kind and address of what a document is made from."""
    if id := check.text(source, "source_file_id"):
        file = state.store.get("file", id)
        if file is None:
            raise ApiError(4200, f"Requested resource source_file_id={id} does not exist.")
        suffix = PurePath(file["file_name"]).suffix.removeprefix(".").lower()
        return state.store.content(id) or b"", suffix, _UPLOADED, ""
    if url := check.text(source, "web_url"):
        if not url.startswith(("http://", "https://")):
            raise ApiError(4000, "Invalid web_url")
        return b"", "", _WEB, url
    try:
        content = base64.b64decode(check.text(source, "file_base64", required=True), validate=True)
    except binascii.Error:
        raise ApiError(4000, "Invalid file_base64: not base64") from None
    return content, check.text(source, "file_type", required=True).lower(), _FILE, ""


def _rule(rule: Mapping[str, Any]) -> Document:
    type = check.number(rule.get("update_type"), "update_type", 0, 0, 1)
    interval = check.number(rule.get("update_interval"), "update_interval", 0, 0, 10**6)
    if type and interval < 24:
        raise ApiError(4000, "Invalid update_interval: at least 24 hours")
    return {"update_type": type, "update_interval": interval if type else 0}


def _looked_at(state: State, item: Document) -> Document:
    """Take a document a step further."""
    if item["status"] != PROCESSING:
        return item
    item["looks"] += 1
    if item["fails"] and item["looks"] == len(_STEPS) - 2:
        item["status"] = FAILED
    elif item["looks"] == len(_STEPS) - 1:
        item["status"] = DONE
        longest = item["chunk_strategy"].get("max_tokens") or 800
        item["slice_count"] = max(1, math.ceil(item["char_count"] / longest))
        if item["format_type"] == IMAGE and item["chunk_strategy"].get("caption_type") != 1:
            item["caption"] = f"A picture called {PurePath(item['name']).stem}"
    state.store.put("document", item["document_id"], item)
    return item


def _shown(item: Document) -> Document:
    shown = {name: value for name, value in item.items() if name not in _HIDDEN}
    return {**shown, "web_url": item["url"]} if item["url"] else shown


def progress(state: State, request: Request, id: str) -> Reply:
    """Return how far documents are."""
    dataset(state, id)
    found = []
    for document_id in _ids(request.json):
        item = state.store.get("document", document_id)
        if item is not None and item["dataset_id"] == id:
            found.append(_progress(_looked_at(state, item)))
    return state.profile.envelope("progress", {"data": found})


def _progress(item: Document) -> Document:
    names = ("document_id", "type", "size", "status", "update_type", "update_interval")
    left = len(_STEPS) - 1 - item["looks"] if item["status"] == PROCESSING else 0
    shown: Document = {
        **{name: item[name] for name in names},
        "document_name": item["name"],
        "url": item["url"],
        "progress": _STEPS[item["looks"]],
        "remaining_time": left,
    }
    if item["status"] == FAILED:
        asked = "fail" in (item["name"] + item["url"]).lower()
        shown["status_descript"] = "it asked to fail" if asked else "no text was found"
    return shown


def list_(state: State, request: Request) -> Reply:
    """Return the documents of a dataset, a page at a time."""
    _check_header(state, request)
    body = request.json
    found = dataset(state, check.text(body, "dataset_id", required=True))
    documents = state.store.all("document", found["dataset_id"])
    part = documents[paged(body, ("page", "size"), 1000)]
    shown = [_shown(_looked_at(state, item)) for item in part]
    return {"code": 0, "msg": "", "document_infos": shown, "total": len(documents)}


def update(state: State, request: Request) -> Reply:
    """Change a document."""
    _check_header(state, request)
    body = request.json
    id = check.text(body, "document_id", required=True)
    item = _existing(state, id)
    if body.get("update_rule") is not None:
        item |= _rule(check.mapping(body, "update_rule"))
    item["name"] = check.text(body, "document_name") or item["name"]
    item["update_time"] = state.clock.seconds()
    state.store.put("document", id, item)
    return {"code": 0, "msg": ""}


def delete(state: State, request: Request) -> Reply:
    """Delete documents."""
    _check_header(state, request)
    ids = _ids(request.json)
    if len(ids) > 100:
        raise ApiError(4000, "Invalid document_ids: at most 100")
    for id in ids:
        _existing(state, id)
    for id in ids:
        state.store.remove("document", id)
    return {"code": 0, "msg": ""}


def _existing(state: State, id: str) -> Document:
    found = state.store.get("document", id)
    if found is None:
        raise ApiError(4200, f"Requested resource document_id={id} does not exist.")
    return found


def _ids(body: Mapping[str, Any]) -> list[str]:
    ids = body.get("document_ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(id, str) for id in ids):
        raise ApiError(4000, "Invalid document_ids: expected strings")
    return ids
