"""The sign-ins that `coze auth login` made: which host by which app.

Tokens stand in the token store, which only their owner can read; the file here names no secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from coze_core.oauth import FileStore, OAuthToken, UserAuth
from coze_core.oauth._stores import default_path

_FILE: Final = "sign_ins.json"
_NEVER: Final = 253402300799.0  # the last second of the year 9999: such tokens tell no end


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in.

    Attributes:
        base_url: The API host.
        client_id: The OAuth app that a user signed in with; `""` for a token that was saved.
    """

    base_url: str
    client_id: str = ""

    def store(self) -> FileStore:
        """Return where its token is."""
        return FileStore()

    def auth(self) -> UserAuth | None:
        """Return the user's credential; None for a saved token."""
        if not self.client_id:
            return None
        return UserAuth(self.client_id, base_url=self.base_url, store=self.store())

    @property
    def key(self) -> str:
        """What the token is kept under."""
        user = self.auth()
        return user.key if user is not None else f"{self.base_url}|saved token"

    def kept(self) -> OAuthToken | None:
        """Return the token as it is kept, or None."""
        return self.store().load(self.key)

    def plain_token(self) -> str | None:
        """Return a token that was saved; None for a user's sign-in."""
        token = None if self.client_id else self.kept()
        return token.access_token if token is not None else None

    def save(self, token: str) -> None:
        """Keep a token."""
        self.store().save(self.key, OAuthToken(token, _NEVER))

    def forget(self) -> None:
        """Remove the token."""
        self.store().delete(self.key)


class SignIns:
    """All sign-ins, one a host; the last one made serves where no host is named."""

    def __init__(self) -> None:
        self.path: Path = default_path().with_name(_FILE)

    def find(self, base_url: str | None) -> SignIn | None:
        """Return the sign-in for a host, or the current one; None if there is none.

        Raises:
            ValueError: If the file is not ours.
        """
        data = self._read()
        return self._hosts(data).get(base_url or str(data.get("current")))

    def all(self) -> list[SignIn]:
        """Return all of them, the current one first."""
        data = self._read()
        found = self._hosts(data).values()
        return sorted(found, key=lambda known: known.base_url != data.get("current"))

    def add(self, made: SignIn) -> None:
        """Keep a sign-in; it becomes the current one."""
        hosts = {**self._hosts(self._read()), made.base_url: made}
        self._write(hosts, made.base_url)

    def remove(self, gone: SignIn) -> None:
        """Forget a sign-in, token and all."""
        gone.forget()
        hosts = self._hosts(self._read())
        hosts.pop(gone.base_url, None)
        self._write(hosts, next(iter(hosts), ""))

    def _read(self) -> Mapping[str, Any]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            data = None
        if not isinstance(data, dict) or not isinstance(data.get("sign_ins"), list):
            told = f"{str(self.path)!r} is damaged: remove it and sign in again"
            raise ValueError(told)  # noqa: TRY004 - data of a file
        return data

    def _hosts(self, data: Mapping[str, Any]) -> dict[str, SignIn]:
        found = [
            SignIn(str(item["base_url"]), str(item.get("client_id") or ""))
            for item in data.get("sign_ins", [])
            if isinstance(item, dict) and item.get("base_url")
        ]
        return {known.base_url: known for known in found}

    def _write(self, hosts: Mapping[str, SignIn], current: str) -> None:
        data = {"current": current, "sign_ins": [asdict(known) for known in hosts.values()]}
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(data, indent=2), encoding="utf-8")
        fresh.replace(self.path)
