"""Settings from a file and from the environment."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from coze_core import environment_variable, load_auth
from coze_core.dialog import suggestion
from openai_coze._settings import BotModel, BotRoute, Credential, GatewayKey, Limits, Settings

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
        raise ValueError(f"the settings cannot be read: {error}") from error
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not TOML: {error}") from error
    found = dict(os.environ if environment is None else environment)
    return _settings(data, found, place.parent)


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
        raise ValueError(f"a model is given as name=bot_id, not {text!r}")
    return BotModel(name.strip(), (BotRoute(bot_id.strip()),))


# -- a file


def _settings(data: Mapping[str, Any], environment: Mapping[str, str], folder: Path) -> Settings:
    _check(data, _NAMES, "the settings")
    accounts = {
        name: _credential(name, account, environment, folder)
        for name, account in _table(data, "accounts").items()
    }
    limits = _table(data, "limits")
    _check(limits, Limits.__slots__, "limits")
    for name in _SWITCHES & data.keys():
        if not isinstance(data[name], bool):  # the text "false" would switch it on
            raise ValueError(f"{name} must be true or false")  # noqa: TRY004 - of the file
    for name, value in limits.items():
        _check_number(value, f"limits.{name}")
    _check_texts(data, ("base_url", "region"), "the settings")
    if "timeout" in data:
        _check_number(data["timeout"], "timeout")
    voices = _table(data, "voices")
    _check_texts(voices, voices, "voices")
    return Settings(
        **{name: data[name] for name in _PLAIN if name in data},
        limits=Limits(**limits),
        accounts=accounts,
        voices=dict(voices),
        models=tuple(_model(entry) for entry in _tables(data, "models")),
        keys=tuple(_key(entry, environment) for entry in _tables(data, "keys")),
        cors_origins=_texts(data, "cors_origins", "the settings"),
    )


def _credential(
    name: str, account: Any, environment: Mapping[str, str], folder: Path
) -> Credential:
    if not isinstance(account, Mapping):
        raise ValueError(f"the account {name!r} must be a table")  # noqa: TRY004 - of the file
    known = ("token_env", "token_file", "oauth_file")
    _check(account, known, f"the account {name!r}")
    _check_texts(account, known, f"the account {name!r}")
    if "oauth_file" in account:
        return load_auth(folder / account["oauth_file"])
    return _secret(account, "token", environment, folder, f"the account {name!r}")


def _model(entry: Mapping[str, Any]) -> BotModel:
    name = entry.get("name", "")
    what = f"the model {name!r}"
    _check(entry, ("name", "bots", "aliases", "description", "options"), what)
    _check_texts(entry, ("name", "description"), what)
    bots = entry.get("bots", [])
    if not isinstance(bots, list):
        raise ValueError(f"{what}: bots must be a list")  # noqa: TRY004 - of the file
    return BotModel(
        name,
        tuple(_route(bot, what) for bot in bots),
        _texts(entry, "aliases", what),
        entry.get("description", ""),
        _table(entry, "options", of=f"{what}: "),
    )


def _route(bot: Any, what: str) -> BotRoute:
    if isinstance(bot, str):
        return BotRoute(bot)
    if not isinstance(bot, Mapping) or not all(isinstance(value, str) for value in bot.values()):
        raise ValueError(f"{what}: a bot is its id as text, or a table of texts")
    _check(bot, BotRoute.__slots__, f"a bot of {what}")
    return BotRoute(**bot)


def _key(entry: Mapping[str, Any], environment: Mapping[str, str]) -> GatewayKey:
    name = entry.get("name", "")
    what = f"the key {name!r}"
    _check(entry, ("name", "key_env", "key_file", "sha256", "models", "per_minute"), what)
    _check_texts(entry, ("name", "key_env", "key_file", "sha256"), what)
    models = _texts(entry, "models", what) if "models" in entry else None
    if "per_minute" in entry:
        _check_number(entry["per_minute"], f"{what}: per_minute")
    if "sha256" in entry:
        return GatewayKey(name, entry["sha256"], models, entry.get("per_minute"))
    secret = _secret(entry, "key", environment, Path(), what)
    return GatewayKey.of(secret, name=name, models=models, per_minute=entry.get("per_minute"))


def _secret(
    entry: Mapping[str, Any], kind: str, environment: Mapping[str, str], folder: Path, what: str
) -> str:
    """Return a secret from where the file says it is; it never stands in the file itself."""
    variable, file = entry.get(f"{kind}_env"), entry.get(f"{kind}_file")
    if file:
        try:
            return folder.joinpath(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{what}: its {kind} cannot be read: {error}") from error
    if not variable:
        raise ValueError(f"{what} needs {kind}_env or {kind}_file")
    value = environment_variable(variable, environment=environment)
    if value is None:
        raise ValueError(f"{what}: the variable {variable} is not set")
    return value


def _check(entry: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    for name in entry.keys() - set(known):
        raise ValueError(f"{what}: there is no {name!r}{suggestion(name, known)}")


def _check_number(value: Any, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(f"{what} must be a number")


def _check_texts(entry: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    for name in names:
        if not isinstance(entry.get(name, ""), str):
            raise ValueError(f"{what}: {name} must be text")  # noqa: TRY004 - of the file


def _texts(entry: Mapping[str, Any], name: str, what: str) -> tuple[str, ...]:
    """Return a list of texts; a text alone would fall into its characters."""
    value = entry.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{what}: {name} must be a list of texts")
    return tuple(value)


def _table(data: Mapping[str, Any], name: str, *, of: str = "") -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        raise ValueError(f"{of}{name} must be a table")  # noqa: TRY004 - of the file
    return value


def _tables(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError(f"{name} must be a list of tables: [[{name}]]")
    return value
