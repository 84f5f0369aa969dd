"""Settings from a file and from the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from coze_core import environment_variable, load_auth
from coze_core.dialog import suggestion
from openai_coze._settings import BotModel, BotRoute, Credential, GatewayKey, Limits, Settings
from openai_coze._wrong import LIST, NUMBER, SWITCH, TABLE, TEXT, TEXTS, is_number, wrong

_PLAIN: Final = frozenset(
    {"pass_through", "base_url", "region", "page", "metrics", "traces", "timeout"}
)
_SWITCHES: Final = frozenset({"pass_through", "page", "metrics", "traces"})
_NAMES: Final = _PLAIN | {"limits", "voices", "accounts", "models", "keys", "cors_origins"}


def settings_from_file(
    path: str | os.PathLike[str], environment: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings in a TOML file.

    Args:
        path: The file; see docs/gateway.md.
        environment: Where the secrets that it names stand; this process's if None.

    Raises:
        ValueError: What is wrong with it.
    """
    place = Path(path)
    try:
        data = tomllib.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the settings cannot be read / 无法读取配置文件: {error}") from error
    except ValueError as error:
        raise ValueError(
            f"{str(path)!r} is not TOML / {str(path)!r} 不是有效的 TOML: {error}"
        ) from error
    found = dict(os.environ if environment is None else environment)
    try:
        return _settings(data, found, place.parent)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def settings_from_environment(
    environment: Mapping[str, str] | None = None, models: Iterable[str] = ()
) -> Settings:
    """Return settings from variables alone.

    Args:
        environment: `COZE_API_TOKEN`, `COZE_BOT_ID`, `COZE_GATEWAY_KEY`, the latter two with
            commas between several; this process's if None.
        models: Further models, each as `name=bot_id`.

    Raises:
        ValueError: What is wrong with them.
    """
    found = os.environ if environment is None else environment
    bots = [f"{bot}={bot}" for bot in _listed(found.get("COZE_BOT_ID"))]
    keys = _listed(found.get("COZE_GATEWAY_KEY"))
    token = environment_variable("COZE_API_TOKEN", environment=found)
    if keys and not token:
        raise ValueError(
            "COZE_GATEWAY_KEY needs COZE_API_TOKEN: it pays for those who show the key / "
            "设置 COZE_GATEWAY_KEY 时必须同时设置 COZE_API_TOKEN"
        )
    return Settings(
        models=tuple(_named(text) for text in [*models, *bots]),
        accounts={"default": token} if keys and token else {},
        keys=tuple(GatewayKey.of(key, name=str(n)) for n, key in enumerate(keys, 1)),
    )


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _named(text: str) -> BotModel:
    name, equals, bot_id = text.partition("=")
    if not equals or not name.strip() or not bot_id.strip():
        raise ValueError(f"a model is given as name=bot_id, not {text!r} / 模型应写作 name=bot_id")
    return BotModel(name.strip(), (BotRoute(bot_id.strip()),))


# -- a file


def _settings(data: Mapping[str, Any], environment: Mapping[str, str], folder: Path) -> Settings:
    _check(data, _NAMES, "")
    accounts = {
        name: _credential(f"accounts[{name!r}]", account, environment, folder)
        for name, account in _table(data, "accounts").items()
    }
    limits = _table(data, "limits")
    _check(limits, Limits.__slots__, "limits")
    for name in _SWITCHES & data.keys():
        if not isinstance(data[name], bool):  # the text "false" would switch it on
            raise ValueError(wrong(name, *SWITCH))  # noqa: TRY004 - of the file
    for name, value in limits.items():
        _check_number(value, f"limits.{name}")
    _check_texts(data, ("base_url", "region"), "")
    if "timeout" in data:
        _check_number(data["timeout"], "timeout")
    voices = _table(data, "voices")
    _check_texts(voices, voices, "voices.")
    return Settings(
        **{name: data[name] for name in _PLAIN if name in data},
        limits=Limits(**limits),
        accounts=accounts,
        voices=dict(voices),
        models=tuple(_model(entry, place) for place, entry in _tables(data, "models")),
        keys=tuple(_key(entry, place, environment) for place, entry in _tables(data, "keys")),
        cors_origins=_texts(data, "cors_origins", ""),
    )


def _credential(
    where: str, account: Any, environment: Mapping[str, str], folder: Path
) -> Credential:
    if not isinstance(account, Mapping):
        raise ValueError(wrong(where, *TABLE))  # noqa: TRY004 - of the file
    known = ("token_env", "token_file", "oauth_file")
    _check(account, known, where)
    _check_texts(account, known, f"{where}.")
    if "oauth_file" in account:
        try:
            return load_auth(folder / account["oauth_file"])
        except ValueError as error:
            raise ValueError(f"{where}.oauth_file: {error}") from error
    return _secret(account, "token", environment, folder, where)


def _model(entry: Mapping[str, Any], place: int) -> BotModel:
    where = _where("models", entry, place)
    _check(entry, ("name", "bots", "aliases", "description", "options"), where)
    _check_texts(entry, ("name", "description"), f"{where}.")
    bots = entry.get("bots", [])
    if not isinstance(bots, list):
        raise ValueError(wrong(f"{where}.bots", *LIST))  # noqa: TRY004 - of the file
    return BotModel(
        entry.get("name", ""),
        tuple(_route(bot, f"{where}.bots[{number}]") for number, bot in enumerate(bots)),
        _texts(entry, "aliases", f"{where}."),
        entry.get("description", ""),
        _table(entry, "options", of=f"{where}."),
    )


def _route(bot: Any, where: str) -> BotRoute:
    if isinstance(bot, str):
        return BotRoute(bot)
    if not isinstance(bot, Mapping):
        raise ValueError(  # noqa: TRY004 - of the file
            wrong(where, "its id as text, in quotes, or a table", "是加引号的 ID 字符串或表")
        )
    _check(bot, BotRoute.__slots__, where)
    _check_texts(bot, bot, f"{where}.")
    return BotRoute(**bot)


def _key(entry: Mapping[str, Any], place: int, environment: Mapping[str, str]) -> GatewayKey:
    where = _where("keys", entry, place)
    _check(entry, ("name", "key_env", "key_file", "sha256", "models", "per_minute"), where)
    _check_texts(entry, ("name", "key_env", "key_file", "sha256"), f"{where}.")
    name = entry.get("name", "")
    models = _texts(entry, "models", f"{where}.") if "models" in entry else None
    if "per_minute" in entry:
        _check_number(entry["per_minute"], f"{where}.per_minute")
    if "sha256" in entry:
        return GatewayKey(name, entry["sha256"], models, entry.get("per_minute"))
    secret = _secret(entry, "key", environment, Path(), where)
    return GatewayKey.of(secret, name=name, models=models, per_minute=entry.get("per_minute"))


def _secret(
    entry: Mapping[str, Any], kind: str, environment: Mapping[str, str], folder: Path, where: str
) -> str:
    """Return a secret from where the file says it is; it never stands in the file itself."""
    variable, file = entry.get(f"{kind}_env"), entry.get(f"{kind}_file")
    if file:
        try:
            return folder.joinpath(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            # Of a file that is no text, the words of the error would show a piece.
            why = error if isinstance(error, OSError) else "not UTF-8"
            raise ValueError(f"{where}.{kind}_file cannot be read / 无法读取: {why}") from None
    if not variable:
        needed = f"{kind}_env or {kind}_file"
        raise ValueError(f"{where} needs {needed} / {where} 需要 {kind}_env 或 {kind}_file")
    value = environment_variable(variable, environment=environment)
    if value is None:
        raise ValueError(
            f"{where}.{kind}_env: the variable {variable} is not set / 环境变量 {variable} 未设置"
        )
    return value


def _where(kind: str, entry: Mapping[str, Any], place: int) -> str:
    """Return what to call an entry of a list: by its name, or else by its number."""
    name = entry.get("name")
    return f"{kind}[{name!r}]" if isinstance(name, str) and name else f"{kind}[{place}]"


def _check(entry: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in entry.keys() - set(known):
        place = f"{where}: " if where else ""
        raise ValueError(
            f"{place}there is no {name!r}{suggestion(name, known)} / {place}没有 {name!r} 这一项"
        )


def _check_number(value: Any, where: str) -> None:
    if not is_number(value):
        raise ValueError(wrong(where, *NUMBER))


def _check_texts(entry: Mapping[str, Any], names: Iterable[str], of: str) -> None:
    for name in names:
        if not isinstance(entry.get(name, ""), str):
            raise ValueError(wrong(f"{of}{name}", *TEXT))  # noqa: TRY004 - of the file


def _texts(entry: Mapping[str, Any], name: str, of: str) -> tuple[str, ...]:
    """Return a list of texts; a text alone would fall into its characters."""
    value = entry.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(wrong(f"{of}{name}", *TEXTS))
    return tuple(value)


def _table(data: Mapping[str, Any], name: str, *, of: str = "") -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        raise ValueError(wrong(f"{of}{name}", *TABLE))  # noqa: TRY004 - of the file
    return value


def _tables(data: Mapping[str, Any], name: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError(wrong(name, f"a list of tables: [[{name}]]", f"是表的列表：[[{name}]]"))
    return enumerate(value)
