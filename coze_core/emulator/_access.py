"""Who may do what: tokens, their permissions and OAuth apps (protocol notes, section 7)."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from coze_core.emulator._http import ApiError, Clock, Request

# What a token has to be allowed, by path; the names are those of the console.
_NEEDED: Final[list[tuple[re.Pattern[str], str]]] = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"/v3/chat(/.*)?|/open_api/v2/chat", "Connector.botChat"),
        (r"/v1/conversation/message/.*|/v1/conversations/[^/]+/messages/.*", "Message"),
        (r"/v1/conversations?(/.*)?", "Conversation"),
        (r"/v1/files/.*", "File"),
        (r"/v1/bots?(/.*)?|/v1/space/.*", "Bot"),
        (r"/v1/workflows?(/.*)?", "Workflow"),
        (r"/v1/workspaces", "Workspace"),
        (r"/v1/variables", "Variable"),
        (r"/v1/datasets(/.*)?|/open_api/knowledge/.*", "Knowledge"),
        (r"/v1/audio/.*", "Audio"),
    )
]


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app that people sign in with.

    Args:
        client_id: Its id.
        client_secret: The secret of a web app; None for PKCE, device and JWT.
        redirect_uris: Where users may come back to.
        public_keys: The keys that may sign JWTs, in PEM form by fingerprint.
        user_seconds: How long a user's token lasts.
        interval: Seconds that a device waits between two questions.
        device_answer: What users say to devices by themselves: `pending`, `granted` or `denied`.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_uris: Sequence[str] = ()
    public_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_seconds: int = 900
    interval: float = 5
    device_answer: str = "pending"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do, and how long.

    Attributes:
        expires_at: When it ends, in seconds since 1970; None for never.
        permissions: What it may do; None for everything.
        bot_ids: The bots it may chat with; None for all.
        session_name: The end user it stands for.
    """

    expires_at: float | None = None
    permissions: frozenset[str] | None = None
    bot_ids: frozenset[str] | None = None
    session_name: str = ""


class Access:
    """The tokens that are good, and the apps that get new ones."""

    def __init__(self, clock: Clock) -> None:
        self.apps: dict[str, OAuthApp] = {}
        self._clock = clock
        self._tokens: dict[str, Grant] = {}

    def allow(self, token: str, grant: Grant) -> None:
        """Let a token in."""
        self._tokens[token] = grant

    def revoke(self, token: str) -> None:
        """Let a token in no more."""
        self._tokens.pop(token, None)

    def issue(self, prefix: str, grant: Grant) -> str:
        """Make a token of a kind."""
        token = f"{prefix}_{secrets.token_hex(24)}"
        self.allow(token, grant)
        return token

    def grant_of(self, token: str) -> Grant | None:
        """Return what a token may do; None if it is not good, or not any more."""
        # Compared one by one in constant time, as a server that guards something does.
        found = None
        for known, grant in self._tokens.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = grant
        if found is None:
            return None
        ended = found.expires_at is not None and self._clock.now() >= found.expires_at
        return None if ended else found

    def check(self, request: Request, grant: Grant) -> None:
        """Refuse what a token is not allowed.

        Raises:
            ApiError: If it lacks the permission.
        """
        needed = next((name for path, name in _NEEDED if path.fullmatch(request.path)), None)
        if needed is None or grant.permissions is None or needed in grant.permissions:
            return
        raise ApiError(4101, f"The token does not have the required permission: {needed}")
