"""The user id of those who name none.

Coze wants an id of the end user with every chat; it separates the memory of one from another's.
The default is random, made once per installation and kept in the user's configuration folder: not
one id for everybody, and nothing that tells who somebody is.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import sys
import uuid
from pathlib import Path

_LOG = logging.getLogger("coze_core")


def _folder() -> Path:
    if sys.platform == "win32":
        root = os.environ.get("APPDATA")
        folder = Path(root) if root else Path.home()
    else:
        root = os.environ.get("XDG_CONFIG_HOME")
        folder = Path(root) if root else Path.home() / ".config"
    return folder / "coze-bridge"


@functools.cache
def anonymous_user_id() -> str:
    """Return this installation's anonymous user id: random, made once and kept on disk.

    Example:
        >>> anonymous_user_id() == anonymous_user_id()
        True
    """
    try:
        return _kept(_folder() / "user_id")
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder
        _LOG.info("no place to keep an anonymous user id (%s); deriving one", error)
        seed = f"coze-bridge/{uuid.getnode()}/{os.getuid() if hasattr(os, 'getuid') else ''}"
        return "anon-" + hashlib.sha256(seed.encode()).hexdigest()[:24]


def user_id_is_known() -> bool:
    """Whether `anonymous_user_id` need not look at the disk any more."""
    return anonymous_user_id.cache_info().currsize > 0


def _kept(path: Path) -> str:
    """Return the id in this file, made if need be; of two makers the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"user_id.{uuid.uuid4().hex}")
    if not path.exists():
        fresh.write_text(f"anon-{uuid.uuid4().hex[:24]}", encoding="ascii")
        try:
            os.link(fresh, path)
        except FileExistsError:
            _LOG.debug("another process made the user id first")
        finally:
            fresh.unlink()
    kept = path.read_text(encoding="ascii").strip()
    if not kept:
        raise OSError(f"{path} is empty")
    return kept
