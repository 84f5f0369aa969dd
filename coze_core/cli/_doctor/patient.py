"""What is examined: the settings, and the facts that the checks have gathered so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from coze_core._client import CozeClient
from coze_core.cli._access import Access

if TYPE_CHECKING:
    from coze_core.cli._doctor.chat import Chatted
    from coze_core.cli._doctor.server import Served

# Sent nowhere: calls with it carry no credential.
# What is there is what the checks find out: the client must not refuse anything beforehand.
_UNJUDGED: Final = "cloud"
_NO_TOKEN = "none"  # noqa: S105


@dataclass
class Patient:
    """A set-up.

    Attributes:
        base_url: The API host as it was given.
        base_url_source: Where it was given.
        regions: The hosts of the regions by name.
        token: The token as it was given; None if there is none, or it renews itself.
        access: The credential; None if there is none that can be one.
        bot_id: The bot as it was given.
        timeout: Seconds to wait for each answer.
        wants_chat: Whether the bot may be asked something.
        served: What the server answered without a token.
        proxied: The proxy on the way to the server.
        chatted: How a chat went.
    """

    base_url: str
    base_url_source: str
    regions: Mapping[str, str]
    token: str | None = field(repr=False)
    token_source: str
    access: Access | None
    bot_id: str | None
    timeout: float
    wants_chat: bool
    served: Served | None = None
    proxied: str | None = None
    chatted: Chatted | None = None

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        """The server's port."""
        parts = urlsplit(self.base_url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_studio(self) -> bool:
        """Whether the server is a Coze Studio."""
        return self.served is not None and self.served.is_studio

    def client(self, base_url: str | None = None) -> CozeClient:
        """Return a client with the credential, which tries everything once.

        Args:
            base_url: Another host than that of the set-up.
        """
        if self.access is None:
            raise ValueError("there is no credential")
        if base_url is not None:
            return CozeClient(
                self.access.token,
                base_url=base_url,
                timeout=self.timeout,
                max_retries=0,
                server=_UNJUDGED,
            )
        return self.access.client(self.timeout, max_retries=0, server=_UNJUDGED)

    def stranger(self) -> CozeClient:
        """Return a client without the credential."""
        return CozeClient(
            _NO_TOKEN,
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=0,
            server=_UNJUDGED,
        )
