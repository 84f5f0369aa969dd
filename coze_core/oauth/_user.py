"""OAuth by a user: web code, PKCE and device code (protocol notes, sections 7.4 and 7.5)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from coze_core._call import Call
from coze_core._errors import OAuthError
from coze_core._flow import Flow, exclusive, sleep, work
from coze_core.oauth._grants import (
    DEVICE_GRANT,
    TOKEN_PATH,
    DeviceCode,
    Granted,
    OAuthToken,
    ask,
    ask_device_code,
)
from coze_core.oauth._renewing import LOCK_SECONDS, RenewingAuth
from coze_core.oauth._stores import TokenStore

Secret: TypeAlias = str | Callable[[], str]
_SLOWER: Final = 5.0  # seconds that each `slow_down` adds (section 7.5)
_SLOWEST: Final = 30.0


@dataclass(frozen=True, slots=True)
class Authorization:
    """Where to send a user, and what to remember until they come back.

    Attributes:
        url: The page that asks the user.
        state: Comes back with the user: refuse any other, it would be somebody else's sign-in.
        code_verifier: Goes with the code in PKCE; None in the web flow.
        redirect_uri: Where the user comes back to.
    """

    url: str
    state: str
    redirect_uri: str
    code_verifier: str | None = None

    def __repr__(self) -> str:
        return f"Authorization(redirect_uri={self.redirect_uri!r})"


class UserAuth(RenewingAuth):
    """A user's credential: signed in once by web code, PKCE or device code, then renewed.

    With a client secret this is the web flow, without one PKCE or the device flow. The rotating
    refresh token is kept in the store, so the user stays signed in for as long as somebody renews
    at least once a month. See `client.oauth` for the signing in.

    A pickle of it carries no token and no secret: give the secret as a function, and a store that
    others can read, such as a `FileStore`.

    Args:
        client_id: The OAuth app's id.
        client_secret: The web app's secret, or a function that returns it; None for PKCE and
            device.
        redirect_uri: Where users come back to, as registered with the app.
        account: Whose sign-in this is; each user of a service has their own name here.
        token: A token that was had before; otherwise the one in the store.
        base_url: The API host; `COZE_API_BASE`, else https://api.coze.com, if None.
        region: `com` or `cn`, instead of base_url.
        www_base_url: The host of the page that asks users; by base_url if None.
        store: Where tokens are kept; in memory only if None.
        leeway: Renew this many seconds before a token ends; 30 for the usual life if None.
        clock: Seconds since 1970.
        lock_timeout: Wait this many seconds for another process that renews the same token; after
            that, requests fail with `OAuthError` unless the old token is still good.

    Raises:
        ValueError: A setting that cannot be.

    Example:
        >>> auth = UserAuth("8173", store=FileStore())  # doctest: +SKIP
        >>> client = CozeClient(auth=auth)  # doctest: +SKIP
        >>> code = client.oauth.device_code()  # doctest: +SKIP
        >>> print("Open", code.verification_url)  # doctest: +SKIP
        >>> client.oauth.wait_for_user(code)  # doctest: +SKIP

    Protocol: sections 7.4 and 7.5.
    """

    _spends = True  # its refresh token

    def __init__(
        self,
        client_id: str,
        client_secret: Secret | None = None,
        *,
        redirect_uri: str | None = None,
        account: str = "default",
        token: OAuthToken | None = None,
        base_url: str | None = None,
        region: str | None = None,
        www_base_url: str | None = None,
        store: TokenStore | None = None,
        leeway: float | None = None,
        clock: Callable[[], float] = time.time,
        lock_timeout: float = LOCK_SECONDS,
    ) -> None:
        if client_secret is not None and not callable(client_secret) and not client_secret.strip():
            raise ValueError("client_secret must not be empty; leave it out for PKCE or a device")
        super().__init__(
            name=[("account", account)],
            client_id=client_id,
            base_url=base_url,
            region=region,
            store=store,
            leeway=leeway,
            clock=clock,
            lock_timeout=lock_timeout,
        )
        self.account = account
        self.redirect_uri = redirect_uri
        self.www_base_url = (www_base_url or _www(self.base_url)).rstrip("/")
        self._client_secret = client_secret
        self._initial = token

    def for_account(self, account: str) -> UserAuth:
        """Return the credential of another user of the same app.

        Args:
            account: Your own name for the user.
        """
        other = object.__new__(UserAuth)
        other.__dict__.update(RenewingAuth.__getstate__(self))
        other.account, other._initial = account, None
        other.key = self._key_of([("account", account)])
        return other

    # -- the user's way in

    def authorization(
        self,
        *,
        redirect_uri: str | None = None,
        state: str | None = None,
        workspace_id: str | None = None,
    ) -> Authorization:
        """Return where to send the user; they come back with a code.

        Args:
            redirect_uri: Where to; the one given in the beginning if None.
            state: Comes back with the user; a random one if None.
            workspace_id: Ask for one workspace only.

        Raises:
            ValueError: No redirect_uri.

        Protocol: section 7.4.
        """
        target = redirect_uri or self.redirect_uri
        if not target:
            raise ValueError("redirect_uri is needed: where the user comes back to with the code")
        verifier = None if self._client_secret is not None else secrets.token_urlsafe(48)
        kept = state if state is not None else secrets.token_urlsafe(16)
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": target,
            "state": kept,
        }
        if verifier is not None:
            query |= {"code_challenge": _challenge(verifier), "code_challenge_method": "S256"}
        path = "/api/permission/oauth2" + _workspace(workspace_id)
        url = f"{self.www_base_url}{path}/authorize?{urlencode(query)}"
        return Authorization(url, kept, target, verifier)

    def exchange(
        self, code: str, *, redirect_uri: str | None = None, code_verifier: str | None = None
    ) -> Flow[None]:
        """Trade a code for a token; `client.oauth.exchange` runs this."""
        target = redirect_uri or self.redirect_uri
        if not target:
            raise ValueError("redirect_uri is needed: the same one that the user was sent with")
        if self._client_secret is None and not code_verifier:
            raise ValueError("code_verifier is needed: it is in the Authorization of this sign-in")
        body = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": target,
            **({"code_verifier": code_verifier} if code_verifier else {}),
        }
        hidden = tuple(filter(None, (code, code_verifier)))
        yield from self._sign_in(lambda: self._ask(body, hidden))

    def device_code(self, *, workspace_id: str | None = None) -> Flow[DeviceCode]:
        """Ask for a code to show to the user; `client.oauth.device_code` runs this."""
        path = f"/api/permission/oauth2{_workspace(workspace_id)}/device/code"
        call = Call("POST", path, json={"client_id": self.client_id}, repeatable=True)
        return (yield from ask_device_code(call))

    def wait_for_user(self, code: DeviceCode) -> Flow[None]:
        """Wait until the user has confirmed; `client.oauth.wait_for_user` runs this."""
        yield from self._sign_in(lambda: self._poll(code))

    def _poll(self, code: DeviceCode) -> Flow[Granted]:
        body = {
            "grant_type": DEVICE_GRANT,
            "client_id": self.client_id,
            "device_code": code.device_code,
        }
        interval, ends = code.interval, self._clock() + code.expires_in
        while True:
            try:
                return (yield from self._ask(body, (code.device_code,), repeatable=True))
            except OAuthError as error:
                if error.error == "slow_down":
                    interval = min(interval + _SLOWER, _SLOWEST)
                elif error.error != "authorization_pending":
                    raise
                if self._clock() + interval > ends:
                    raise
            yield from sleep(interval)

    def _sign_in(self, get: Callable[[], Flow[Granted]]) -> Flow[None]:
        granted = yield from get()
        yield from exclusive(self, lambda: self._keep(granted))

    def forget(self) -> Flow[None]:
        """Forget the user's token; `client.oauth.sign_out` runs this."""
        self._kept = self._initial = self._unsaved = None
        yield from work(lambda: self.store.delete(self.key))

    # -- renewing

    def _fetch(self, stored: OAuthToken | None) -> Flow[Granted]:
        token = stored or self._initial
        if token is None or not token.refresh_token:
            raise OAuthError(
                f"nobody is signed in as {self.account!r}",
                error="signed_out",
                hint_en="Sign in with client.oauth.exchange(...) or client.oauth.wait_for_user().",
                hint_zh="请先通过 client.oauth.exchange(...) 或 wait_for_user() 登录。",
            )
        body = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "refresh_token": token.refresh_token,
        }
        return (yield from self._ask(body, (token.refresh_token,)))

    def _refresh_twice(self) -> Flow[None]:
        # Two renewals at a time would send the same refresh token, and sign the user out.
        yield from ()
        raise RuntimeError(
            "a task of this event loop is renewing the user's token, and a blocking client cannot "
            "wait for it there: use AsyncCozeClient, or call this one in a thread / 事件循环中的"
            "任务正在刷新令牌，请使用 AsyncCozeClient，或在线程中调用同步客户端"
        )

    def _ask(
        self, body: dict[str, str], hidden: tuple[str, ...], *, repeatable: bool = False
    ) -> Flow[Granted]:
        secret = self._client_secret
        headers = {}
        if secret is not None:
            found = (yield from work(secret)) if callable(secret) else secret
            headers["Authorization"] = f"Bearer {found}"
        # A code or a refresh token serves once: it is never sent again if it may have arrived.
        call = Call(
            "POST", TOKEN_PATH, json=body, headers=headers, hidden=hidden, repeatable=repeatable
        )
        return (yield from ask(call, self._clock()))

    def _keep(self, granted: Granted) -> Flow[None]:
        self._initial = None  # it has been spent
        yield from super()._keep(granted)

    def _take(self, stored: OAuthToken | None, stale: str | None) -> bool:
        return super()._take(stored or self._initial, stale)

    def __getstate__(self) -> dict[str, Any]:
        if isinstance(self._client_secret, str):
            raise TypeError(
                "a UserAuth that holds its client secret is not pickled, for the secret would "
                "travel along: give client_secret as a function that returns it"
            )
        return {**super().__getstate__(), "_initial": None}


def _www(base_url: str) -> str:
    """Return the host of the pages that belong to an API host (section 1.1)."""
    parts = urlsplit(base_url)
    host = parts.netloc.removeprefix("api.") if parts.netloc.startswith("api.") else None
    return f"{parts.scheme}://www.{host}" if host else base_url


def _workspace(workspace_id: str | None) -> str:
    return "" if workspace_id is None else f"/workspace_id/{quote(workspace_id, safe='')}"


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
