"""Who calls, what they may use, and with which credential."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from coze_core import AsyncCozeClient, Auth
from openai_coze._credentials import lent
from openai_coze._problems import Refused
from openai_coze._rates import Rate
from openai_coze._settings import RESERVED, BotModel, BotRoute, GatewayKey, Settings

_MOST: Final = 2048  # callers with tokens of their own that are remembered


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an answer.

    Attributes:
        route: The bot or chatflow.
        account: Who pays.
        client: Through which to ask.
    """

    route: BotRoute
    account: str
    client: AsyncCozeClient

    @property
    def id(self) -> str:
        """What is talked to."""
        return self.route.id

    @property
    def place(self) -> tuple[str, str]:
        """The account and what is talked to."""
        return self.account, self.id

    @property
    def at_once(self) -> Way:
        """The same way, tried once: where there is another, waiting for this one helps nobody."""
        return replace(self, client=self.client.with_options(max_retries=0))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may use the gateway.

    Attributes:
        name: What logs say.
        user_id: The end user, for requests that name none.
        key: The gateway's key that was shown, or None.
        client: The client of their own token, or None.
    """

    name: str
    user_id: str
    key: GatewayKey | None = None
    client: AsyncCozeClient | None = None

    @property
    def has_own_token(self) -> bool:
        """Whether they pay themselves."""
        return self.client is not None

    def may_use(self, model: BotModel) -> bool:
        """Whether a model is open to them.

        Args:
            model: The model.
        """
        allowed = self.key.models if self.key is not None else None
        return allowed is None or any(name in allowed for name in model.names)


class Clients:
    """The clients of all accounts.

    Args:
        settings: The gateway's.
        transport: Your own `httpx.AsyncBaseTransport`, for all of them.
    """

    def __init__(self, settings: Settings, transport: Any = None) -> None:
        common: dict[str, Any] = {
            "timeout": settings.timeout,
            "transport": transport,
            "tracing": settings.traces or None,
        }
        host: dict[str, Any] = {"base_url": settings.base_url, "region": settings.region}
        self._accounts: dict[str, AsyncCozeClient] = {}
        for name, credential in settings.accounts.items():
            if isinstance(credential, str):
                made = AsyncCozeClient(credential, **host, **common)
            else:
                auth = credential if isinstance(credential, Auth) else lent(credential, name)
                bound = getattr(auth, "base_url", None)
                made = AsyncCozeClient(auth=auth, **({} if bound else host), **common)
            self._accounts[name] = made
        # Its own token is never used: callers bring theirs, and share its connections.
        self._callers = AsyncCozeClient("none", **host, **common)
        self._known: OrderedDict[str, AsyncCozeClient] = OrderedDict()

    def of_account(self, name: str) -> AsyncCozeClient:
        """Return the client of one of the gateway's accounts."""
        return self._accounts[name]

    @property
    def first_account(self) -> str:
        """The account that is used where none is named."""
        return "default" if "default" in self._accounts else next(iter(self._accounts))

    def of_token(self, token: str, digest: str) -> AsyncCozeClient:
        """Return the client of a caller's token; what it found out is kept for a while."""
        client = self._known.get(digest)
        if client is None:
            client = self._known[digest] = self._callers.with_auth(token)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(digest)
        return client

    async def aclose(self) -> None:
        """Close all connections."""
        for client in [self._callers, *self._accounts.values()]:
            await client.aclose()


class Access:
    """Admits callers, and finds the ways that are open to them.

    Args:
        settings: The gateway's.
        clients: The clients.
    """

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._rates = {
            key.name: Rate(key.per_minute) for key in settings.keys if key.per_minute is not None
        }

    def admit(self, authorization: str) -> Caller:
        """Return who calls.

        Args:
            authorization: The header.

        Raises:
            Refused: Nobody whom we know.
        """
        scheme, _, secret = authorization.strip().partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise _unknown("no key: send it as Authorization: Bearer <key> / 缺少访问密钥")
        digest = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
        key = self._key(digest)
        if key is not None:
            return Caller(f"key:{key.name}", f"key-{_short(key.name)}", key)
        if not self._settings.takes_tokens:
            raise _unknown("this key is not known here / 访问密钥无效")
        try:
            client = self._clients.of_token(secret, digest)
        except ValueError as error:
            raise _unknown(str(error)) from error
        name = f"token-{digest[:12]}"
        return Caller(name, name, client=client)

    def _key(self, digest: str) -> GatewayKey | None:
        """Compare with every key, each in the same time."""
        found = None
        for key in self._settings.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def count(self, caller: Caller) -> None:
        """Count one request against the caller's rate.

        Args:
            caller: Who calls.

        Raises:
            Refused: It was one too many.
        """
        rate = self._rates.get(caller.key.name) if caller.key is not None else None
        wait = rate.wait() if rate is not None else 0.0
        if wait:
            raise Refused(
                "too many requests with this key: wait a little / 该密钥请求过于频繁，请稍后再试",
                status=429,
                code="rate_limit_exceeded",
                retry_after=wait,
            )

    def client_of(self, caller: Caller, account: str | None = None) -> AsyncCozeClient:
        """Return the client for what is of no bot: files, sounds, lists.

        Args:
            caller: Who calls.
            account: One of those that are open to them; the usual one of these if None.
        """
        if caller.client is not None:
            return caller.client
        if account is None:
            accounts = self.accounts_of(caller)
            usual = self._clients.first_account
            account = accounts[0] if accounts and usual not in accounts else usual
        return self._clients.of_account(account)

    def accounts_of(self, caller: Caller) -> list[str]:
        """Return the accounts that a caller's models are on, the preferred ones first.

        Args:
            caller: Who calls; who has a token of their own uses none of ours.
        """
        if caller.has_own_token:
            return []
        if not self._settings.models:
            return [self._clients.first_account]
        ranked = [
            (rank, route.account)
            for model in self.models_of(caller)
            for rank, route in enumerate(model.routes)
        ]
        ranked.sort(key=lambda each: each[0])
        return list(dict.fromkeys(account for _, account in ranked))

    def models_of(self, caller: Caller) -> list[BotModel]:
        """Return the configured models that a caller may use.

        Args:
            caller: Who calls.
        """
        return [model for model in self._settings.models if caller.may_use(model)]

    def model_of(self, caller: Caller, name: str) -> BotModel:
        """Return a model by its name, or by the id of a bot.

        Args:
            caller: Who calls.
            name: The name.

        Raises:
            Refused: There is none, or it is not open to them.
        """
        model = self._settings.model(name)
        if model is None:
            model = self._of_bot(caller, name)
        if model is None or not caller.may_use(model):
            raise Refused(
                f"there is no model {name!r} for this key: see /v1/models / 没有该模型的使用权限",
                status=404,
                code="model_not_found",
                param="model",
            )
        return model

    def _of_bot(self, caller: Caller, name: str) -> BotModel | None:
        for model in self._settings.models:
            if any(route.id == name for route in model.routes) and caller.may_use(model):
                return model
        # Whoever pays may ask any bot; with our accounts, any if no models are configured.
        is_open = caller.has_own_token or not self._settings.models
        if not (is_open and name.isdigit()):
            return None
        account = "" if caller.has_own_token else self._clients.first_account
        return BotModel(name, (BotRoute(name, account),))

    def check_options(self, caller: Caller, options: Mapping[str, Any]) -> None:
        """Refuse options of a request that are the payer's to choose.

        Args:
            caller: Who calls.
            options: The options.

        Raises:
            Refused: There is one.
        """
        for name in () if caller.has_own_token else RESERVED & options.keys():
            raise Refused(
                f"coze.{name} is for callers with a Coze token of their own / "
                f"coze.{name} 仅供使用自有扣子令牌的调用方",
                status=403,
                code="permission_denied",
                param=f"coze.{name}",
            )

    def ways_of(self, caller: Caller, model: BotModel) -> list[Way]:
        """Return the ways to an answer of a model, the preferred one first.

        Args:
            caller: Who calls.
            model: The model.
        """
        ways = []
        for route in model.routes:
            if caller.client is not None:
                ways.append(Way(route, caller.name, caller.client))
            else:
                client = self._clients.of_account(route.account)
                ways.append(Way(route, account_place(route.account), client))
        return ways


def account_place(name: str) -> str:
    """Return what one of the gateway's accounts is called where callers' own are as well.

    Args:
        name: Its name.
    """
    return f"account:{name}"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _unknown(message: str) -> Refused:
    return Refused(message, status=401, code="invalid_api_key")
