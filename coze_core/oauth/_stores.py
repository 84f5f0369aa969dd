"""Where tokens are kept: in memory, in a file of the owner's, in the system's keyring."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, runtime_checkable

from coze_core.oauth._grants import OAuthToken
from coze_core.oauth._locks import (
    lock_within,
    put_in_place,
    read_whole,
    sync_folder,
    unlock,
)

_LOG: Final = logging.getLogger("coze_core")
_OWNER_ONLY: Final = 0o600
_WRITE_SECONDS: Final = 10.0  # to wait for others who write the same file, which takes an instant


@runtime_checkable
class TokenStore(Protocol):
    """Keeps tokens by key. Its methods may block; on an event loop they run in a worker thread."""

    def load(self, key: str) -> OAuthToken | None:
        """Return the token of a key, or None."""

    def save(self, key: str, token: OAuthToken) -> None:
        """Keep a token in place of the one before."""

    def delete(self, key: str) -> None:
        """Forget a token, if there is one."""

    def try_lock(self, key: str) -> bool:
        """Keep other processes out of a renewal; False if one of them is at it."""

    def unlock(self, key: str) -> None:
        """Let others in again."""


class _ThreadLocks:
    """Locks for those who share a store within this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._holders: dict[str, int] = {}

    def take(self, key: str) -> bool:
        with self._guard:
            # What a thread of another process held when it forked us, nobody holds here.
            if self._holders.get(key) == os.getpid():
                return False
            self._holders[key] = os.getpid()
            return True

    def release(self, key: str) -> None:
        with self._guard:
            self._holders.pop(key, None)


class MemoryStore:
    """Keeps tokens as long as the process lives. It cannot be pickled: that would copy secrets."""

    def __init__(self) -> None:
        self._tokens: dict[str, OAuthToken] = {}
        self._locks = _ThreadLocks()

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._tokens)} tokens)"

    def load(self, key: str) -> OAuthToken | None:
        """Return the token of a key, or None."""
        return self._tokens.get(key)

    def save(self, key: str, token: OAuthToken) -> None:
        """Keep a token in place of the one before."""
        self._tokens[key] = token

    def delete(self, key: str) -> None:
        """Forget a token, if there is one."""
        self._tokens.pop(key, None)

    def try_lock(self, key: str) -> bool:
        """Keep others with this store out of a renewal; False if one of them is at it."""
        return self._locks.take(key)

    def unlock(self, key: str) -> None:
        """Let others in again."""
        self._locks.release(key)

    def __reduce__(self) -> tuple[Any, ...]:
        return MemoryStore, ()  # empty: what it keeps stays in this process


class FileStore:
    """Keeps tokens in a file that only its owner can read, safe against a crash at any moment.

    A new version is written beside the file, flushed to the disk and then put in its place, so
    that there is always a whole one. Processes that share the file renew one after the other; their
    locks are empty files beside it, which stay there and are good for the next renewal.

    Args:
        path: The file; `coze-bridge/tokens.json` in the user's configuration folder if None.

    Example:
        >>> store = FileStore("tokens.json")  # doctest: +SKIP
        >>> auth = UserAuth("client-id", store=store)  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        given = Path(path).expanduser() if path is not None else default_path()
        # The file itself: a link to it stays a link, and all who come by one share its locks.
        self.path = Path(os.path.realpath(given))
        self._begin()

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, BinaryIO] = {}

    def __repr__(self) -> str:
        return f"FileStore({str(self.path)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._begin()

    def load(self, key: str) -> OAuthToken | None:
        """Return the token of a key, or None.

        Raises:
            ValueError: If the file is not one of ours.
            OSError: If it cannot be read.
        """
        data = self._read().get(key)
        return None if data is None else OAuthToken.from_dict(data)

    def save(self, key: str, token: OAuthToken) -> None:
        """Keep a token in place of the one before.

        Raises:
            ValueError: If the file is not one of ours.
            TimeoutError: If another process hangs while it writes the file.
            OSError: If it cannot be written.
        """
        self._change(key, token.as_dict())

    def delete(self, key: str) -> None:
        """Forget a token, if there is one."""
        self._change(key, None)

    # -- the file

    def _read(self) -> dict[str, Any]:
        try:
            content = read_whole(self.path)
            self._close_to_others()
        except FileNotFoundError:
            return {}
        try:
            tokens = json.loads(content)["tokens"]
            return dict(tokens)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError(
                f"{str(self.path)!r} is not a token file: name another one or remove it / "
                f"不是有效的令牌文件，请更换路径或删除该文件"
            ) from None

    def _close_to_others(self) -> None:
        if os.name == "posix" and self.path.stat().st_mode & 0o077:
            try:
                self.path.chmod(_OWNER_ONLY)
            except OSError:  # another owner's, or on a disk that is only read: still good to use
                _LOG.warning("%s can be read by others, and cannot be closed to them", self.path)
                return
            _LOG.warning("%s could be read by others; it is closed to them now", self.path)

    def _change(self, key: str, value: dict[str, Any] | None) -> None:
        # Other keys of the same file may be saved at the same time, by threads and processes.
        with self._guard, self._to_write() as held:
            try:
                tokens = self._read()
                if value is None:
                    tokens.pop(key, None)
                else:
                    tokens[key] = value
                self._write(json.dumps({"version": 1, "tokens": tokens}, indent=2))
            finally:
                unlock(held)

    def _write(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # `mkstemp` makes files for their owner only.
        descriptor, name = tempfile.mkstemp(prefix=self.path.name, dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            put_in_place(Path(name), self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(self.path.parent)

    # -- locks between processes; a process that dies lets go of them

    def try_lock(self, key: str) -> bool:
        """Keep other processes out of a renewal; False if one of them is at it."""
        try:
            # One file for each key: renewing two users' tokens must not wait for one another.
            self._locks[key] = self._locked(f".{zlib.crc32(key.encode()):08x}")
        except BlockingIOError:
            return False
        return True

    def unlock(self, key: str) -> None:
        """Let others in again."""
        held = self._locks.pop(key, None)
        if held is not None:
            with held:
                unlock(held)

    def _to_write(self) -> BinaryIO:
        try:
            return self._locked("", _WRITE_SECONDS)
        except BlockingIOError:
            name = str(self.path)
            raise TimeoutError(
                f"another process has been writing {name!r} for {_WRITE_SECONDS:g} seconds: end "
                f"the one that hangs (it has {name + '.lock'!r} open), and try again / "
                "另一进程长时间占用该令牌文件的写锁，请结束卡住的进程后重试"
            ) from None

    def _locked(self, suffix: str, seconds: float = 0.0) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self.path.with_name(f"{self.path.name}{suffix}.lock").open("ab")
        try:
            lock_within(seconds, file)
        except BaseException:
            file.close()
            raise
        return file


def default_path() -> Path:
    """Return where tokens are kept if nobody says: in the user's configuration folder."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or "~/AppData/Roaming"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "coze-bridge" / "tokens.json"


_KEYRING_LOCKS: Final = _ThreadLocks()


class KeyringStore:
    """Keeps tokens in the system's keyring, through the `keyring` package (extra `keyring`).

    Args:
        service: The name under which the keyring lists them.

    Raises:
        ImportError: If the package is not installed.
    """

    def __init__(self, service: str = "coze-bridge") -> None:
        try:
            import keyring  # noqa: F401 - only those who choose this store pay for the package
        except ImportError as error:
            raise ImportError(
                "KeyringStore needs the package 'keyring': pip install 'coze-bridge[keyring]' / "
                "KeyringStore 需要安装 keyring：pip install 'coze-bridge[keyring]'"
            ) from error
        self.service = service

    def __repr__(self) -> str:
        return f"KeyringStore({self.service!r})"

    def load(self, key: str) -> OAuthToken | None:
        """Return the token of a key, or None.

        Raises:
            ValueError: If the entry is not one of ours.
        """
        import keyring

        text = keyring.get_password(self.service, key)
        try:
            return None if text is None else OAuthToken.from_dict(json.loads(text))
        except ValueError:  # whose own message may hold the token
            raise ValueError(
                f"the keyring's entry of {self.service!r} is no token: remove it"
            ) from None

    def save(self, key: str, token: OAuthToken) -> None:
        """Keep a token in place of the one before."""
        import keyring

        keyring.set_password(self.service, key, json.dumps(token.as_dict()))

    def delete(self, key: str) -> None:
        """Forget a token, if there is one."""
        import keyring
        from keyring.errors import PasswordDeleteError

        with contextlib.suppress(PasswordDeleteError):  # there was none
            keyring.delete_password(self.service, key)

    def try_lock(self, key: str) -> bool:
        """Keep the rest of this process out; a keyring has no locks between processes."""
        return _KEYRING_LOCKS.take(f"{self.service}|{key}")

    def unlock(self, key: str) -> None:
        """Let others in again."""
        _KEYRING_LOCKS.release(f"{self.service}|{key}")
