"""OAuth by JWT: an application signs in by itself (protocol notes, section 7.3)."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from coze_core._call import Call
from coze_core._flow import Flow, work
from coze_core.oauth._grants import JWT_GRANT, TOKEN_PATH, Granted, OAuthToken, ask
from coze_core.oauth._renewing import RenewingAuth
from coze_core.oauth._stores import TokenStore

PrivateKey: TypeAlias = str | Path | Callable[[], str]
_LONGEST: Final = 86399  # seconds
_ASSERTION_LIFE: Final = 600  # seconds that a signed request may travel; it is used once


class JWTAuth(RenewingAuth):
    """An application's credential: signs a JWT with its private key and gets a token for it.

    Needs the extra `oauth`. One object serves any number of clients, threads and event loops; a
    new token is fetched ahead of the old one's end, once for all of them.

    A pickle of it carries no token, and no key: give the key as a path or as a function.

    Args:
        client_id: The OAuth app's id.
        private_key: Where the private key (PEM) is: a path, or a function that returns it; or the
            PEM text itself.
        public_key_id: The fingerprint of the public key, as the app's page shows it.
        ttl: How long a token lasts, in seconds, up to 86399.
        session_name: Keeps the conversations of one end user apart from others'.
        scope: What the token may do; everything the app may if None. See `bot_chat_scope`.
        session_context: Further facts on the session, such as `{"device_info": {...}}`.
        account_id: Sign in to an organisation's account instead.
        enterprise_id: Sign in to an enterprise instead.
        base_url: The API host; `COZE_API_BASE`, else https://api.coze.com, if None.
        region: `com` or `cn`, instead of base_url.
        audience: The host that the JWT is for, if it is another than base_url's.
        store: Where tokens are kept; in memory only if None.
        leeway: Renew this many seconds before a token ends; 30 for the usual life if None.
        clock: Seconds since 1970.

    Raises:
        ValueError: A setting that cannot be.

    Example:
        >>> auth = JWTAuth("1187", private_key=Path("key.pem"), public_key_id="gdehvaDegW",
        ...                region="cn")  # doctest: +SKIP
        >>> client = CozeClient(auth=auth)  # doctest: +SKIP

    Protocol: section 7.3.
    """

    def __init__(
        self,
        client_id: str,
        *,
        private_key: PrivateKey,
        public_key_id: str,
        ttl: int = 900,
        session_name: str | None = None,
        scope: Mapping[str, Any] | None = None,
        session_context: Mapping[str, Any] | None = None,
        account_id: str | None = None,
        enterprise_id: str | None = None,
        base_url: str | None = None,
        region: str | None = None,
        audience: str | None = None,
        store: TokenStore | None = None,
        leeway: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check(private_key, public_key_id, ttl, account_id, enterprise_id)
        super().__init__(
            name=(),
            client_id=client_id,
            base_url=base_url,
            region=region,
            store=store,
            leeway=leeway,
            clock=clock,
        )
        self.public_key_id = public_key_id
        self.ttl = ttl
        self.session_name = session_name
        self._private_key = private_key
        self._scope = dict(scope) if scope is not None else None
        self._session_context = dict(session_context) if session_context is not None else None
        self._path = _path(account_id, enterprise_id)
        self.key = self._key_of(self._name())
        self._audience = audience or urlsplit(self.base_url).netloc

    def for_session(self, session_name: str) -> JWTAuth:
        """Return the same credential for another end user, with a token of its own.

        Args:
            session_name: The end user; their conversations are kept apart from others'.
        """
        other = object.__new__(JWTAuth)
        other.__dict__.update(RenewingAuth.__getstate__(self))
        other.session_name = session_name
        other.key = other._key_of(other._name())
        return other

    def _name(self) -> list[tuple[str, str]]:
        """Return what tells this credential's tokens from others' of the same app."""
        parts = [] if self._path == TOKEN_PATH else [("path", self._path)]
        if self.session_name is not None:
            parts.append(("session", self.session_name))
        if self._scope is not None or self._session_context is not None:
            said = json.dumps([self._scope, self._session_context], sort_keys=True, default=str)
            parts.append(("scope", hashlib.sha256(said.encode()).hexdigest()[:16]))
        return parts

    def _fetch(self, stored: OAuthToken | None) -> Flow[Granted]:  # noqa: ARG002 - never renewed
        assertion = yield from work(self._assertion)
        body: dict[str, object] = {"grant_type": JWT_GRANT, "duration_seconds": self.ttl}
        if self._scope is not None:
            body["scope"] = self._scope
        headers = {"Authorization": f"Bearer {assertion}"}
        call = Call("POST", self._path, json=body, headers=headers)
        return (yield from ask(call, self._clock()))

    def _assertion(self) -> str:
        """Sign a request for a token; each serves once."""
        try:
            import jwt  # only those who sign pay for the package
        except ImportError as error:
            raise ImportError(
                "JWTAuth needs the package 'pyjwt': pip install 'coze-bridge[oauth]' / "
                "JWTAuth 需要安装 pyjwt：pip install 'coze-bridge[oauth]'"
            ) from error
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "aud": self._audience,
            "iat": now,
            "exp": now + _ASSERTION_LIFE,
            "jti": uuid.uuid4().hex,
        }
        if self.session_name is not None:
            claims["session_name"] = self.session_name
        if self._session_context is not None:
            claims["session_context"] = self._session_context
        key = _pem(self._private_key)
        try:
            return jwt.encode(claims, key, algorithm="RS256", headers={"kid": self.public_key_id})
        except (ValueError, TypeError, jwt.PyJWTError):
            # The package's own message may quote the key.
            raise ValueError(
                "private_key is not an RSA private key in PEM form, beginning with "
                "'-----BEGIN PRIVATE KEY-----' / private_key 不是有效的 PEM 格式 RSA 私钥"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        if isinstance(self._private_key, str):
            raise TypeError(
                "a JWTAuth that holds its private key is not pickled, for the key would travel "
                "along: give private_key as a path or as a function that returns it"
            )
        return super().__getstate__()


def bot_chat_scope(*bot_ids: str) -> dict[str, Any]:
    """Return the scope of a token that can do nothing but chat with these bots.

    Args:
        bot_ids: The bots; all of the app's if none.

    Protocol: section 7.3.
    """
    scope: dict[str, Any] = {"account_permission": {"permission_list": ["Connector.botChat"]}}
    if bot_ids:
        attribute = {"connector_bot_chat_attribute": {"bot_id_list": list(bot_ids)}}
        scope["attribute_constraint"] = attribute
    return scope


def _check(
    private_key: PrivateKey,
    public_key_id: str,
    ttl: int,
    account_id: str | None,
    enterprise_id: str | None,
) -> None:
    if not public_key_id.strip():
        raise ValueError(
            "public_key_id must not be empty: it is the fingerprint of the public key / "
            "public_key_id 不能为空，应为公钥指纹"
        )
    if not 1 <= ttl <= _LONGEST:
        raise ValueError(f"ttl must be from 1 to {_LONGEST} seconds")
    if account_id is not None and enterprise_id is not None:
        raise ValueError("give account_id or enterprise_id, not both")
    if isinstance(private_key, str) and "-----BEGIN" not in private_key:
        raise ValueError(
            "private_key must be PEM text; for a file write private_key=Path('key.pem') / "
            "private_key 应为 PEM 文本；若为文件请写 private_key=Path('key.pem')"
        )


def _path(account_id: str | None, enterprise_id: str | None) -> str:
    base = TOKEN_PATH.removesuffix("/token")
    if account_id is not None:
        return f"{base}/account/{quote(account_id, safe='')}/token"
    if enterprise_id is not None:
        return f"{base}/enterprise_id/{quote(enterprise_id, safe='')}/token"
    return TOKEN_PATH


def _pem(key: PrivateKey) -> str:
    if isinstance(key, Path):
        try:
            return key.read_text(encoding="ascii")
        except OSError as error:
            raise ValueError(f"the private key cannot be read: {error}") from error
    text = key() if callable(key) else key
    # A key from the environment often has its line ends written out.
    return text.replace("\\n", "\n") if "\n" not in text.strip() else text
