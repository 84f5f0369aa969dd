"""The clients behind a framework's model: for adapters to inherit from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import SecretStr

from coze_core._environment import from_environment
from coze_core._timeouts import without_library

if TYPE_CHECKING:
    from coze_core._client import AsyncCozeClient, CozeClient


_DEFAULTS: Final[dict[str, Any]] = {
    "auth": None,
    "base_url": None,
    "region": None,
    "protocol": "v3",
    "tracing": None,
    "timeout": None,
    "max_retries": 2,
    "default_headers": None,
    "proxy": None,
    "server": "auto",
    "conversation_lock": None,
    "http_client": None,
    "http_async_client": None,
    "transport": None,
    "async_transport": None,
}


_OWN_HTTP: Final = ("http_client", "http_async_client", "transport", "async_transport")
_SHARED: Final = (*_OWN_HTTP, "auth", "tracing", "conversation_lock")


def _credential(function: Callable[[], Any]) -> Any:
    from coze_core.oauth import KeyFunction  # only those who give one pay for the package

    return KeyFunction(function)


def _was_key(auth: object) -> bool:
    from coze_core.oauth import KeyFunction

    return isinstance(auth, KeyFunction)


_SETTINGS: Final = ("api_key", *(name for name in _DEFAULTS if name != "default_headers"))


class ModelClients:
    """Makes a model's clients at their first use, and anew when a setting has changed.

    The model has the settings as attributes, and a mapping `_clients` to keep them in.
    """

    if TYPE_CHECKING:  # a model of pydantic would take these for fields of its own
        api_key: Any
        auth: Any
        base_url: Any
        region: Any
        timeout: Any
        max_retries: Any
        default_headers: Any
        proxy: Any
        server: Any
        conversation_lock: Any
        protocol: Any
        tracing: Any
        http_client: Any
        http_async_client: Any
        transport: Any
        async_transport: Any
        _clients: dict[str, tuple[tuple[object, ...], Any]]

    def __setattr__(self, name: str, value: Any) -> None:
        # A text would be shown, and a function not be asked; what is set last is what counts.
        if name == "api_key" and value is not None:
            credential = _credential(value) if callable(value) else None
            super().__setattr__("auth", credential)
            if credential is not None:
                return
            value = SecretStr(value) if isinstance(value, str) else value
        elif name == "auth" and value is not None:
            super().__setattr__("api_key", None)
        elif name == "timeout":
            value = without_library(value)
        super().__setattr__(name, value)

    @classmethod
    def environment_key(cls) -> str | None:
        """Return the token of the environment; for adapters that look in more places to replace."""
        return from_environment("token")

    @classmethod
    def with_one_credential(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings in which there is a key or a credential: a function becomes the latter.

        Beside a credential, no key is taken from the environment. Frameworks make a model anew with
        all of its settings, so one that came from there is no second one either.

        Args:
            values: The settings, as they were given.

        Raises:
            ValueError: A key and a credential were given.
        """
        found = dict(values)
        auth = found.get("auth")
        for name in ("api_key", "token"):
            key = found.get(name)
            if key is None:
                continue
            if auth is not None and _was_key(auth):
                auth = None  # of a model that is made anew with another key
            if auth is not None and cls._is_another(key):
                raise ValueError(f"give {name}= or auth=, not both / {name}= 与 auth= 只能提供一个")
            if callable(key):
                auth = _credential(key)
        if auth is not found.get("auth"):
            found["auth"] = auth
        if auth is not None:
            found.pop("token", None)
            found["api_key"] = None  # not left out, or else it would be that of the environment
        return found

    @classmethod
    def _is_another(cls, key: object) -> bool:
        """Whether somebody gave this key: it is neither blank nor that of the environment."""
        if isinstance(key, SecretStr):
            return key.get_secret_value().strip() not in {"", cls.environment_key()}
        return not isinstance(key, str) or bool(key.strip())

    def travelling(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return these fields as they may be pickled: without the token.

        Args:
            fields: The fields of this object.

        Raises:
            TypeError: If a secret would have to travel along, or what belongs to this process.
        """
        from coze_core._pickles import check_own, check_travels  # only those who pickle pay for it

        check_own(*(self.__dict__[name] for name in _OWN_HTTP))
        key, known = self.api_key, self.environment_key()
        check_travels(
            key.get_secret_value() if key else None,
            found=known,
            proxy=self.proxy,
            headers=self.default_headers,
        )
        return {**fields, "api_key": None}

    def sharing(self, memo: dict[int, Any] | None) -> dict[int, Any]:
        """Return the memo of a deep copy, which takes over what was handed in and copies the rest.

        An HTTP client, a credential or a lock is not ours to copy, and often cannot be.

        Args:
            memo: What the copy has copied already.
        """
        handed_in = [self.__dict__.get(name) for name in _SHARED]
        memo = {} if memo is None else memo
        memo.update({id(one): one for one in handed_in if one is not None})
        return memo

    @property
    def client(self) -> CozeClient:
        """The blocking client behind this model; made at its first use."""
        from coze_core._client import CozeClient

        found: CozeClient = self._client("sync", self.http_client, self.transport, CozeClient)
        return found

    @property
    def async_client(self) -> AsyncCozeClient:
        """The awaiting client behind this model; made at its first use."""
        from coze_core._client import AsyncCozeClient

        given = self.http_async_client
        found: AsyncCozeClient = self._client("async", given, self.async_transport, AsyncCozeClient)
        return found

    def _client(
        self, kind: str, http_client: object, transport: object, make: Callable[..., Any]
    ) -> Any:
        headers = self.default_headers or {}
        fields = self.__dict__  # `getattr` takes a model of pydantic's many times as long
        settings = (*headers.items(), *[fields[name] for name in _SETTINGS])
        known = self._clients.get(kind)
        if known is not None and known[0][1] == settings:
            return known[1]
        token = self.api_key.get_secret_value() if self.api_key else None
        base_url = None if self.region else self.base_url
        host = (base_url, self.region, self.server)
        account = (token, id(self.auth), *host, *sorted(headers.items()))
        client = make(
            None if self.auth else token,
            auth=self.auth,
            base_url=base_url,
            region=self.region,
            timeout=self.timeout,
            max_retries=self.max_retries,
            headers=headers,
            proxy=self.proxy,
            server=self.server,
            conversation_lock=self.conversation_lock,
            protocol=self.protocol,
            tracing=self.tracing,
            http_client=http_client,
            transport=transport,
        )
        for key, other in self._clients.values():
            if key[0] == account:  # uploads and facts found out serve both clients
                client.memo = other.memo
        self._clients = {**self._clients, kind: ((account, settings), client)}
        return client

    def close(self) -> None:
        """Close the blocking client's connections; the model stays usable."""
        if "sync" in self._clients:
            self._clients["sync"][1].close()

    async def aclose(self) -> None:
        """Close the awaiting client's connections of this loop; the model stays usable."""
        if "async" in self._clients:
            await self._clients["async"][1].aclose()


class ConnectedClients(ModelClients):
    """The clients of something that is no pydantic model; `connect` takes the settings.

    A pickle of it holds no token: the copy reads `COZE_API_TOKEN` where it wakes.
    """

    def connect(self, *, api_key: Any = None, **settings: Any) -> None:
        """Take the settings.

        Args:
            api_key: The access token, as text or as a `SecretStr`, or a function that returns it.
            **settings: Those of `_DEFAULTS`.

        Raises:
            TypeError: A setting that does not exist.
        """
        unknown = settings.keys() - _DEFAULTS.keys()
        if unknown:
            raise TypeError(f"there is no setting {', '.join(sorted(unknown))}")
        given = self.with_one_credential({"api_key": api_key, **settings})
        for name, value in {"api_key": None, **_DEFAULTS, **given}.items():
            setattr(self, name, value)
        self._clients = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.travelling({**self.__dict__, "_clients": {}})

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A pickle of an older version has not the settings that came later.
        self.__dict__.update({"api_key": None, **_DEFAULTS, "_clients": {}, **state})

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _clients={})
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        fields = {**self.__dict__, "_clients": {}}
        twin.__dict__.update(copy.deepcopy(fields, self.sharing(memo)))
        return twin
