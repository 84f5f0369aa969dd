"""The clients behind a model, made when they are needed and anew when a setting has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from coze_core._auth import Auth
from coze_core._timeouts import Timeouts

Kept: TypeAlias = Mapping[str, tuple[tuple[object, ...], Any]]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client is made of; see `CozeClient`."""

    token: str | None = field(repr=False)
    auth: Auth | None
    base_url: str | None
    region: str | None
    timeout: float | Timeouts | None
    max_retries: int
    headers: Mapping[str, str] | None = field(repr=False)
    proxy: str | None = field(repr=False)
    http_client: object
    transport: object

    @property
    def account(self) -> tuple[object, ...]:
        """What decides whose uploads and bots these are."""
        base_url = None if self.region else self.base_url
        headers = tuple(sorted((self.headers or {}).items()))
        return (self.token, id(self.auth), base_url, self.region, headers)


def kept_client(
    kept: Kept, kind: str, settings: ClientSettings, make: Callable[..., Any]
) -> tuple[dict[str, tuple[tuple[object, ...], Any]], Any]:
    """Return the client for these settings, and what is to be kept from now on.

    Args:
        kept: What was kept so far.
        kind: Which client, of those that a model has.
        settings: What it is made of.
        make: Its class.
    """
    key = (
        settings.account,
        settings.timeout,
        settings.max_retries,
        settings.proxy,
        id(settings.http_client),
        id(settings.transport),
    )
    known = kept.get(kind)
    if known is not None and known[0] == key:
        return dict(kept), known[1]
    client = make(
        None if settings.auth else settings.token,
        auth=settings.auth,
        base_url=None if settings.region else settings.base_url,
        region=settings.region,
        timeout=settings.timeout,
        max_retries=settings.max_retries,
        headers=settings.headers,
        proxy=settings.proxy,
        http_client=settings.http_client,
        transport=settings.transport,
    )
    for others, other in kept.values():
        if others[0] == settings.account:  # uploads and facts found out serve both clients
            client.memo = other.memo
    return {**kept, kind: (key, client)}, client
