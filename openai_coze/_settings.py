"""What a gateway is told: bots under names, accounts, keys and limits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from coze_core import Auth
from coze_core.dialog import PER_CALL, suggestion
from openai_coze._wrong import wrong, wrong_option

Credential: TypeAlias = str | Auth | Callable[[], Any]
# What a model's settings, or the field `coze` of a request, may say besides.
OPTIONS: Final = PER_CALL - {
    "bot_id",
    "cancel_on_close",
    "deadline",
    "self_contained_tool_ids",
}
# Of these, only those who pay may say them with a request.
RESERVED: Final = frozenset({"bot_version", "connector_id", "publish_status"})
# What is said elsewhere, and where.
_OF_BOT: Final = ("it is set where the bot is made", "请在扣子的智能体设置中配置")
_OF_LIMITS: Final = ("set limits.seconds", "请设置 limits.seconds")
_OF_BOTS: Final = ("name it under bots", "请写在 bots 中")
_ELSEWHERE: Final = {
    "temperature": _OF_BOT,
    "top_p": _OF_BOT,
    "max_tokens": _OF_BOT,
    "deadline": _OF_LIMITS,
    "timeout": _OF_LIMITS,
    "bot_id": _OF_BOTS,
    "workflow_id": _OF_BOTS,
    "app_id": _OF_BOTS,
}
MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BotRoute:
    """One way to an answer: a bot or a chatflow, and the account that pays for it.

    Attributes:
        bot_id: The bot; of a chatflow, the bot that it belongs to, if any.
        account: The name of the account; callers with a token of their own pay themselves.
        workflow_id: The chatflow that is talked to in a bot's place.
        app_id: The app that it belongs to, if any.
    """

    bot_id: str = ""
    account: str = "default"
    workflow_id: str = ""
    app_id: str = ""

    def __post_init__(self) -> None:
        if not self.id.strip():
            raise ValueError(
                "a bot of the gateway has no bot_id (or workflow_id) / "
                "网关的 bots 中有一项缺少 bot_id（或 workflow_id）"
            )

    @property
    def id(self) -> str:
        """What is talked to: the chatflow, or else the bot."""
        return self.workflow_id or self.bot_id


@dataclass(frozen=True, slots=True)
class BotModel:
    """What callers know as one model.

    Attributes:
        name: Its name.
        routes: Bots that give its answers: the first that is well does.
        aliases: Further names, such as one that a program has built in.
        description: What it is for.
        options: Settings for its chats, such as `history`, `system` or `custom_variables`.

    Raises:
        ValueError: No bot, or an option that does not exist or has a value that cannot be.

    Example:
        >>> BotModel("helper", (BotRoute("7379"),), aliases=("gpt-4o",)).names
        ('helper', 'gpt-4o')
    """

    name: str
    routes: tuple[BotRoute, ...]
    aliases: tuple[str, ...] = ()
    description: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.routes:
            raise ValueError(
                f"the model {self.name!r} needs a name and at least one bot / "
                f"模型 {self.name!r} 需要 name 和至少一个 bots"
            )
        for name, value in self.options.items():
            self._check(f"models[{self.name!r}].options", name, value)

    def _check(self, where: str, name: str, value: object) -> None:
        if name not in OPTIONS:
            advice, advice_zh = _ELSEWHERE.get(name, ("", ""))
            english = f": {advice}" if advice else suggestion(name, OPTIONS)
            chinese = f"：{advice_zh}" if advice_zh else ""
            raise ValueError(
                f"{where} has an option {name!r}, which does not exist{english} / "
                f"{where} 没有 {name!r} 这一选项{chinese}"
            )
        if must_be := wrong_option(name, value):
            raise ValueError(wrong(f"{where}.{name}", *must_be))

    @property
    def names(self) -> tuple[str, ...]:
        """All its names."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key that callers show instead of a Coze token.

    Attributes:
        name: Whose it is; this is what logs say.
        digest: SHA-256 of the key, in hexadecimal.
        models: The models it may use; all if None.
        per_minute: Requests a minute; any number if None.

    Raises:
        ValueError: A digest that is none, or a rate that lets nothing through.
    """

    name: str
    digest: str = field(repr=False)
    models: tuple[str, ...] | None = None
    per_minute: int | None = None

    def __post_init__(self) -> None:
        if len(self.digest) != 64 or set(self.digest) - set("0123456789abcdef"):
            raise ValueError(
                f"the key {self.name!r} needs a SHA-256 in 64 lower-case digits / "
                f"密钥 {self.name!r} 的 sha256 必须是 64 位小写十六进制"
            )
        if self.per_minute is not None and self.per_minute < 1:
            raise ValueError(
                f"the key {self.name!r} must have at least one request a minute / "
                f"密钥 {self.name!r} 的 per_minute 不能小于 1"
            )

    @classmethod
    def of(
        cls,
        secret: str,
        *,
        name: str,
        models: tuple[str, ...] | None = None,
        per_minute: int | None = None,
    ) -> GatewayKey:
        """Return a key from what callers show.

        Args:
            secret: The key itself; only its digest is kept.
            name: Whose it is.
            models: The models it may use.
            per_minute: Requests a minute.

        Raises:
            ValueError: A key that is too short to be one, or that nobody could send.

        Example:
            >>> GatewayKey.of("sk-0123456789abcdef", name="alice")
            GatewayKey(name='alice', models=None, per_minute=None)
        """
        if len(secret) < 16:
            raise ValueError(
                f"the key {name!r} is too short: give it 16 characters or more / "
                f"密钥 {name!r} 过短：至少 16 个字符"
            )
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise ValueError(
                f"the key {name!r} has white space or characters that no header can hold / "
                f"密钥 {name!r} 含有空白或无法放入请求头的字符"
            )
        return cls(name, hashlib.sha256(secret.encode()).hexdigest(), models, per_minute)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one worker takes on.

    Attributes:
        body: Bytes of a request.
        upload: Bytes of a file.
        held: Bytes of all requests and files that are at work at once; further ones are told to
            come again. A worker needs a few times as much memory. If None, 256 MB, or twice the
            larger of `body` and `upload` if that is more.
        messages: Messages of a request.
        running: Requests at once; further ones are told to come again.
        seconds: How long one may take.
        reading: Seconds within which a body must have come, besides one for each 10 kB of it.
        shutdown: Seconds that running requests have left when the worker is told to end.
    """

    body: int = 32 * MB
    upload: int = 128 * MB
    held: int | None = None
    messages: int = 1000
    running: int = 1000
    seconds: float = 600.0
    reading: float = 30.0
    shutdown: int = 60

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(wrong(f"limits.{name}", "more than 0", "大于 0"))
        largest = max(self.body, self.upload)
        if self.held is not None and self.held < largest:
            least = f"{largest} (limits.body, limits.upload)"
            raise ValueError(
                wrong(
                    "limits.held",
                    f"at least {least}, or left out: one body would never go in",
                    f"不小于 {least}，也可省略",
                )
            )

    @property
    def room(self) -> int:
        """The bytes of all bodies at work: `held`, or what follows from the other limits."""
        return max(256 * MB, 2 * self.body, 2 * self.upload) if self.held is None else self.held


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a gateway is told.

    Attributes:
        models: The models; without any, the published bots of the caller's account are the models.
        accounts: Credentials by name, used for callers who show a key.
        keys: The keys.
        pass_through: Whether callers may show a Coze token of their own; if None, only where
            there are no keys: else a mistyped key would go to Coze as somebody's token.
        base_url: The API host; `COZE_API_BASE`, else https://api.coze.com, if None.
        region: `com` or `cn`, instead of base_url.
        limits: How much one worker takes on.
        cors_origins: Web pages of these origins may call; `*` for all.
        voices: Coze's voices by the names that callers use; `default` for all other names.
        page: Whether `/` shows a page to try bots on.
        metrics: Whether `/metrics` tells Prometheus what happened.
        traces: Whether OpenTelemetry is told of each request (extra `tracing`).
        timeout: Seconds for every wait for Coze.

    Raises:
        ValueError: Settings that do not go together.
    """

    models: tuple[BotModel, ...] = ()
    accounts: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    keys: tuple[GatewayKey, ...] = ()
    pass_through: bool | None = None
    base_url: str | None = None
    region: str | None = None
    limits: Limits = field(default_factory=Limits)
    cors_origins: tuple[str, ...] = ()
    voices: Mapping[str, str] = field(default_factory=dict)
    page: bool = True
    metrics: bool = False
    traces: bool = False
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not self.keys and not self.takes_tokens:
            raise ValueError(
                "nobody could call this gateway: give it keys, or set pass_through / "
                "网关没有任何可用的凭证：请配置 keys 或开启 pass_through"
            )
        if self.keys and not self.accounts:
            raise ValueError(
                "keys need an account: give the gateway a Coze credential / "
                "使用 keys 时必须在 accounts 中配置扣子凭证"
            )
        self._check_names()

    @property
    def takes_tokens(self) -> bool:
        """Whether callers may show a Coze token of their own."""
        return not self.keys if self.pass_through is None else self.pass_through

    def _check_names(self) -> None:
        owners = [key.name for key in self.keys]
        if twice := sorted({name for name in owners if owners.count(name) > 1}):
            # Their rates are counted, and their users told apart, by these names.
            raise ValueError(f"two keys have the name {twice[0]!r} / 密钥重名：{twice[0]!r}")
        if len({key.digest for key in self.keys}) < len(owners):
            raise ValueError(
                "one key stands under two names: whose rights would it have? / "
                "同一密钥出现在两个名称下，无法确定其权限"
            )
        names = [name for model in self.models for name in model.names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two models have the name {twice[0]!r} / 模型重名：{twice[0]!r}")
        for key in self.keys:
            if unknown := set(key.models or ()) - set(names):
                raise ValueError(
                    f"the key {key.name!r} may use unknown models: {sorted(unknown)} / "
                    f"密钥 {key.name!r} 的 models 中有未配置的模型"
                )
        used = {route.account for model in self.models for route in model.routes}
        if self.keys and (missing := used - self.accounts.keys()):
            raise ValueError(
                f"there is no account {min(missing)!r} for some of the bots / "
                f"部分智能体所用的账号 {min(missing)!r} 未在 accounts 中配置"
            )

    def model(self, name: str) -> BotModel | None:
        """Return a model by one of its names, or None.

        Args:
            name: The name.
        """
        return next((model for model in self.models if name in model.names), None)
