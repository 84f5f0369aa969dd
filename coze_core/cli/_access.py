"""Who a command is to the server: --token, then COZE_API_TOKEN, then a stored sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from coze_core._auth import Auth, TokenAuth
from coze_core._client import CozeClient
from coze_core._config import resolve_base_url
from coze_core._environment import from_environment
from coze_core._timeouts import Timeouts
from coze_core.cli._signed_in import SignIns


@dataclass(frozen=True, slots=True)
class Access:
    """A credential and its server.

    Attributes:
        base_url: The API host.
        source: Where the credential comes from, for people.
        token: The credential if it is a plain token.
        auth: The credential if it renews itself.
    """

    base_url: str
    source: str
    token: str | None = field(default=None, repr=False)
    auth: Auth | None = None

    def credential(self) -> Auth:
        """Return the credential.

        Raises:
            ValueError: If the token cannot be one.
        """
        return self.auth if self.auth is not None else TokenAuth(self.token or "")

    def client(
        self,
        timeout: float | None = None,
        *,
        max_retries: int = 2,
        server: Literal["auto", "cloud", "studio"] = "auto",
    ) -> CozeClient:
        """Return a client.

        Raises:
            ValueError: If the token cannot be one.
        """
        return CozeClient(
            auth=self.credential(),
            base_url=self.base_url,
            timeout=None if timeout is None else Timeouts.of(timeout),
            max_retries=max_retries,
            server=server,
        )


def find_access(token: str | None, base_url: str | None, region: str | None) -> Access | None:
    """Return the first credential there is, or None.

    Raises:
        ValueError: If the host is not usable, or the file of sign-ins is not ours.
    """
    told = base_url or region or from_environment("base_url")
    if token is not None:
        return Access(resolve_base_url(base_url, region), "--token", token)
    from_variable = from_environment("token")
    if from_variable is not None:
        return Access(resolve_base_url(base_url, region), "COZE_API_TOKEN", from_variable)
    stored = SignIns().find(resolve_base_url(base_url, region) if told else None)
    if stored is None or stored.kept() is None:
        return None
    return Access(stored.base_url, "coze auth login", stored.plain_token(), stored.auth())


def access(token: str | None, base_url: str | None, region: str | None) -> Access:
    """Return the first credential there is.

    Raises:
        ValueError: If there is none.
    """
    found = find_access(token, base_url, region)
    if found is None:
        raise ValueError(
            "no token: set COZE_API_TOKEN, pass --token, or sign in with `coze auth login` / "
            "未提供令牌：请设置 COZE_API_TOKEN、传入 --token，或运行 coze auth login 登录"
        )
    return found
