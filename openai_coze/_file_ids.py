"""Ids of files that say which account has them, so that any worker can go there; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from coze_core.dialog import Entry
from openai_coze._problems import Refused

_CARRIED: Final = re.compile(r"file-([0-9a-f]{8})-([^/]+)")


def carried_id(id: str, account: str) -> str:
    """Return the id of a file as callers know it.

    Args:
        id: Coze's id.
        account: The account that has it; its name is not told.

    Example:
        >>> carried_id("7369", "spare")
        'file-cf2d9706-7369'
    """
    return f"file-{_tag(account)}-{id}"


def place_of(id: str, accounts: Iterable[str]) -> tuple[str, str | None]:
    """Return Coze's id of a file, and its account if the id says it.

    Args:
        id: The id as callers know it.
        accounts: Those that are open to the caller.

    Raises:
        Refused: It is none of theirs.

    Example:
        >>> place_of("file-cf2d9706-7369", ["default", "spare"])
        ('7369', 'spare')
        >>> place_of("7369", ["default", "spare"])
        ('7369', None)
    """
    found = _CARRIED.fullmatch(id)
    if found is None:
        return id, None
    for account in accounts:
        if _tag(account) == found[1]:
            return found[2], account
    raise Refused(
        f"there is no file {id[:80]!r} for this key: upload it with this key / 该密钥没有此文件",
        status=404,
        code="file_not_found",
    )


def placed(entries: Iterable[Entry], accounts: Sequence[str]) -> tuple[list[Entry], str | None]:
    """Return a history with Coze's ids of its files, and the account that has them, if they say it.

    Args:
        entries: The history.
        accounts: Those that are open to the caller.

    Raises:
        Refused: A file is none of theirs, or there are files of several accounts.
    """
    found: list[Entry] = []
    owners: set[str] = set()
    for entry in entries:
        media = []
        for medium in entry.media:
            if medium.file_id is not None:
                id, account = place_of(medium.file_id, accounts)
                medium = replace(medium, file_id=id)
                owners |= {account} if account is not None else set()
            media.append(medium)
        found.append(replace(entry, media=tuple(media)) if media else entry)
    if len(owners) > 1:
        raise Refused(
            "the files of the request were uploaded for different models: upload them again, all "
            "with the same form field model / 文件属于不同账号，请用同一 model 字段重新上传",
            code="file_of_another_model",
            param="messages",
        )
    return found, owners.pop() if owners else None


def _tag(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()[:8]
