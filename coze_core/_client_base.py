"""What both clients have in common: configuration, credential, and the flows of streams."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

from coze_core._auth import Auth, TokenAuth
from coze_core._binding import AsyncResource, Resource
from coze_core._call import Call, Reply
from coze_core._capabilities import Capabilities, ServerSetting, check_server, told_server
from coze_core._config import (
    ClientConfig,
    ProtocolName,
    Tracing,
    check_headers,
    resolve_base_url,
)
from coze_core._desk import Busy, ConversationLock
from coze_core._drivers import AsyncDriver, SyncDriver
from coze_core._endpoints import busy, chat
from coze_core._environment import from_environment
from coze_core._flow import Flow, send
from coze_core._here import Surroundings, guarded
from coze_core._http import check_addresses
from coze_core._memo import Memo
from coze_core._models import Chat
from coze_core._observing import Observing
from coze_core._pickles import check_own, check_travels
from coze_core._pump import StreamRequest
from coze_core._retry import RetryPolicy, until
from coze_core._session import Session
from coze_core._timeouts import SomeTimeout, Timeouts

T = TypeVar("T")
D = TypeVar("D", SyncDriver, AsyncDriver)


Credential: TypeAlias = Auth | Callable[[], Any]


def credential_of(token: str | None, auth: Credential | None) -> Auth:
    if token is not None and auth is not None:
        raise ValueError("give token= or auth=, not both / token= 与 auth= 只能提供一个")
    if isinstance(auth, Auth):
        return auth
    if callable(auth):
        from coze_core.oauth import FunctionAuth  # only those who renew pay for the package

        return FunctionAuth(auth)
    if auth is not None:
        raise TypeError(
            f"auth must be a credential or a function that returns a token, not "
            f"{type(auth).__name__}; a token as text is passed as token="
        )
    found = token if token is not None else from_environment("token")
    if found is None:
        raise ValueError(
            "no token: set COZE_API_TOKEN or pass token= / "
            "未提供令牌：请设置 COZE_API_TOKEN 或传入 token="
        )
    return TokenAuth(found)


def host_of(auth: Auth, base_url: str | None, region: str | None) -> str:
    """Return the API host: the credential's own, if it is bound to one."""
    own = getattr(auth, "base_url", None)
    if not isinstance(own, str):
        return resolve_base_url(base_url, region)
    if base_url is None and region is None:
        return own
    given = resolve_base_url(base_url, region)
    if given != own:
        raise ValueError(
            f"the credential is for {own} and the client for {given}: give both the same "
            f"base_url or region / 凭证与客户端的 base_url 不一致"
        )
    return given


_USUAL: Final = Busy()


def _sent(call: Call, request: StreamRequest) -> Flow[Reply]:
    if request.prepare is not None:
        call = yield from request.prepare(call)
    if request.lease is None:
        return (yield from send(call))
    policy = request.busy or _USUAL
    if request.deadline is not None:
        policy = replace(policy, timeout=min(policy.timeout, request.deadline))
    return (yield from busy.in_turn(call, policy, request.lease, chat.cancel))


@dataclass(frozen=True, slots=True)
class _Flows:
    """The flows that streams need, signed and repeated as this client does."""

    session: Session
    observing: Observing

    def open(self, request: StreamRequest) -> Flow[Reply]:
        session, deadline = self.session, request.deadline
        if deadline is None:
            return session.of(_sent(request.call, request))
        call = replace(request.call, timeout=deadline)
        retry = replace(session.policy, total=min(deadline, session.policy.total))
        ends = retry.clock() + deadline
        bounded = replace(session, policy=retry)
        return until(ends, bounded.of(_sent(call, request)), retry.clock)

    def cancel(self, *, conversation_id: str, chat_id: str) -> Flow[Chat]:
        ids = {"conversation_id": conversation_id, "chat_id": chat_id}
        return self.observing.watched(self.session.of(chat.cancel(**ids)))

    def quick_cancel(self, *, conversation_id: str, chat_id: str) -> Flow[None]:
        ids = {"conversation_id": conversation_id, "chat_id": chat_id}
        once = replace(self.session, policy=replace(self.session.policy, max_retries=0))
        return self.observing.watched(once.of(chat.quick_cancel(**ids)))


# What a client is made of, but for resources that are made later. Whatever else an object has is
# its subclass's own.
_PARTS: Final = frozenset(
    {
        *("_given", "_auth", "_config", "_driver", "_observing", "_around", "_flows", "_session"),
        *("chat", "conversations", "files"),
    }
)


class BaseClient(abc.ABC, Generic[D]):
    """What needs no I/O and is the same for both clients.

    Copies and pickles take along the attributes that an object of a subclass has, as they are.
    Connections and resources belong to one client, and each makes its own.
    """

    _driver: D
    _given: tuple[object | None, object | None]

    def _set_up(self, auth: Auth, config: ClientConfig, driver: D, memo: Memo | None) -> None:
        self._auth = auth
        self._config = config
        self._driver = driver
        self._observing = Observing(config)
        self.memo = memo or Memo()

    @property
    def memo(self) -> Memo:
        """What was found out with this account: uploads, and the tools of bots."""
        return self._around.memo

    @memo.setter
    def memo(self, memo: Memo) -> None:
        config = self._config
        told = told_server(config.server, config.base_url)
        self._around = Surroundings(config.base_url, told, memo, config.conversation_lock)
        session = Session(self._auth, config.retry, self._around)
        self._flows = _Flows(session, self._observing)
        self._session = session
        if self.protocol == "v2":  # streams are translated beforehand, see `_as_spoken`
            from coze_core._v2 import check_call

            self._session = replace(session, check=check_call)

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do, as far as that is known now; `detect` finds out."""
        return self._around.capabilities

    @property
    def base_url(self) -> str:
        """The API host that requests go to."""
        return self._config.base_url

    @property
    def auth(self) -> Auth:
        """The credential."""
        return self._auth

    @property
    def protocol(self) -> ProtocolName:
        """The version of the chat API that this client speaks."""
        return self._config.protocol

    def _signed(self, flow: Flow[T]) -> Flow[T]:
        """Return the same flow: signed, repeated where that is safe, watched where it is wanted."""
        return self._observing.watched(self._session.of(flow))

    def _unsigned(self, flow: Flow[T]) -> Flow[T]:
        """Return the same flow, whose calls carry no token: it is about to fetch one."""
        return self._observing.watched(guarded(flow, self._around))

    def _as_spoken(self, request: StreamRequest) -> StreamRequest:
        if self.protocol != "v2":
            return request
        from coze_core._v2 import stream_request

        return stream_request(request)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        check_own(*self._given)
        check_travels(None, proxy=self._config.proxy, headers=self._config.headers)
        return {"auth": self._auth, "config": self._config, "own": self._own()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._begin(state["auth"], state["config"], None, None)
        self.__dict__.update(state.get("own", {}))

    def __copy__(self) -> Self:
        return self.with_options()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = memo[id(self)] = self.with_options()
        twin.__dict__.update(copy.deepcopy(self._own(), memo))
        return twin

    def _own(self) -> dict[str, Any]:
        """Return the attributes that a subclass has given this object."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in _PARTS and not isinstance(value, Resource | AsyncResource)
        }

    def _twin(self, auth: Auth, config: ClientConfig, memo: Memo | None, driver: D | None) -> Self:
        twin = type(self).__new__(type(self))
        twin._begin(auth, config, *self._given, memo, driver)  # noqa: SLF001 - our kind
        twin.__dict__.update(self._own())
        return twin

    def with_options(
        self,
        *,
        timeout: float | Timeouts | SomeTimeout | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a client with some options changed and everything else as in this one.

        Attributes that a subclass has set are taken over.

        Args:
            timeout: Seconds for every wait, `Timeouts`, or `httpx.Timeout`.
            max_retries: Attempts after the first.
            headers: Further headers.

        Raises:
            ValueError: Values that cannot be.

        Example:
            >>> client.with_options(timeout=5).users.me()  # doctest: +SKIP
        """
        config = self._config.changed(timeout=timeout, max_retries=max_retries, headers=headers)
        same = timeout is None and not headers  # then its connections serve as well
        return self._twin(self._auth, config, self.memo, self._driver if same else None)

    def with_auth(self, auth: Credential | str) -> Self:
        """Return a client of another account that uses the connections of this one.

        Attributes that a subclass has set are taken over.

        Args:
            auth: A token, a credential that renews itself, or a function that returns a token.

        Raises:
            ValueError: A token that cannot be, or a credential of another host.
        """
        found = TokenAuth(auth) if isinstance(auth, str) else credential_of(None, auth)
        host_of(found, self.base_url, None)
        return self._twin(found, self._config, None, self._driver)

    @abc.abstractmethod
    def _begin(
        self,
        auth: Auth,
        config: ClientConfig,
        http_client: Any,
        transport: Any,
        memo: Memo | None = None,
        driver: D | None = None,
    ) -> None:
        """Make the driver, unless one is given, and the resources."""


def config_of(
    base_url: str,
    timeout: float | Timeouts | SomeTimeout | None,
    max_retries: int,
    headers: Mapping[str, str] | None,
    proxy: str | None,
    server: ServerSetting,
    protocol: ProtocolName,
    conversation_lock: ConversationLock | None,
    *,
    tracing: bool | Tracing | None,
) -> ClientConfig:
    if not isinstance(conversation_lock, ConversationLock | None):
        raise TypeError("conversation_lock must have the methods try_acquire(key) and release(key)")
    config = ClientConfig(
        base_url=base_url,
        timeouts=Timeouts.of(timeout),
        retry=RetryPolicy(max_retries=max_retries),
        headers=check_headers(headers or {}),
        proxy=proxy,
        server=check_server(server),
        conversation_lock=conversation_lock,
        protocol=protocol,
        tracing=tracing,
    )
    check_addresses(config)
    return config


def check_given(http_client: object, kind: type, transport: object, transport_kind: type) -> None:
    """Refuse an HTTP client of the other kind, which would fail strangely at its first use."""
    for name, value, wanted in (
        ("http_client", http_client, kind),
        ("transport", transport, transport_kind),
    ):
        if value is not None and not isinstance(value, wanted):
            raise TypeError(
                f"{name} must be an httpx.{wanted.__name__}, not {type(value).__name__}"
            )
