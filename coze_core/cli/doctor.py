"""`coze doctor`: what is wrong with a set-up."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer

from coze_core._config import REGIONS, resolve_base_url
from coze_core._environment import environment_text, from_environment
from coze_core.cli import _options as options
from coze_core.cli._access import Access, find_access
from coze_core.cli._doctor.checks import CHECKS, examine, without_secrets
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result
from coze_core.cli._output import plain, say_json, stdout

_STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}
_WIDTH: Final = max(len(check.name) for check in CHECKS)


def doctor(
    bot: options.BotOption = None,
    chat: Annotated[
        bool, typer.Option("--chat/--no-chat", help="Whether to ask the bot for one word.")
    ] = True,
    as_json: options.JsonOption = False,
    token: options.TokenOption = None,
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds for every wait.")] = 15.0,
    region_host: Annotated[list[str] | None, typer.Option(hidden=True, metavar="NAME=URL")] = None,
) -> None:
    """Find out what is wrong with a set-up, and how to mend it / 诊断配置问题.

    Exits with 1 if a check failed. Changes nothing; the last check asks the bot for one word.
    """
    if timeout <= 0:
        raise ValueError("--timeout must be more than 0 seconds")
    regions = {**REGIONS, **dict(_pair(text) for text in region_host or [])}
    if region is not None and region not in regions:
        raise ValueError(f"region must be one of {sorted(regions)}, not {region!r}")
    host = base_url or (regions[region] if region else None)
    patient = _patient(token, host, regions, bot, timeout, chat=chat)
    results = []
    for result in examine(patient):
        results.append(result)
        if not as_json:
            _show(result)
    failures = [result.name for result in results if result.status == "failed"]
    healthy = not failures
    if not as_json:
        first = f"Mend first: {failures[0]} / 请先解决: {failures[0]}" if failures else ""
        stdout().print(first or "Nothing is broken / 未发现问题", style="bold")
    if as_json:
        checks = [{key: v for key, v in asdict(r).items() if key != "blocked"} for r in results]
        url = without_secrets(patient.base_url, patient.token)
        say_json({"ok": healthy, "base_url": url, "checks": checks})
    raise typer.Exit(0 if healthy else 1)


def _patient(
    token: str | None,
    host: str | None,
    regions: dict[str, str],
    bot: str | None,
    timeout: float,
    *,
    chat: bool,
) -> Patient:
    """Gather the settings as they were given, right or wrong."""
    given = token if token is not None else environment_text("token")
    url, source = _address(host, regions)
    access: Access | None = None
    if not (given or "").strip() and token is None:  # an empty variable is as good as none
        access = _stored(host)
        if access is not None:
            given, source = access.token, source if host else access.source
            url = access.base_url
    elif given is not None:
        access = Access(url, "", given.strip())
    return Patient(
        base_url=url.strip().rstrip("/"),
        base_url_source=source,
        regions=regions,
        token=given,
        token_source=_token_source(token, access),
        access=access,
        bot_id=bot or from_environment("bot_id"),
        timeout=timeout,
        wants_chat=chat,
    )


def _address(host: str | None, regions: dict[str, str]) -> tuple[str, str]:
    if host is not None:
        return host, "option"
    from_variable = from_environment("base_url")
    return (from_variable, "COZE_API_BASE") if from_variable else (regions["com"], "default")


def _stored(host: str | None) -> Access | None:
    try:
        resolve_base_url(host, None)
    except ValueError:  # the check of the address says so
        return None
    return find_access(None, host, None)


def _token_source(token: str | None, access: Access | None) -> str:
    if token is not None:
        return "--token"
    return access.source if access is not None and access.source else "COZE_API_TOKEN"


def _show(result: Result) -> None:
    console = stdout()
    console.print(f"{result.status:<8}", style=_STYLES[result.status], end="")
    console.out(f" {result.name:<{_WIDTH}}  {plain(result.found)}", highlight=False)
    for fix in (result.fix_en, result.fix_zh):
        if fix:
            console.out(f"{'':<{_WIDTH + 11}}-> {plain(fix)}", highlight=False)


def _pair(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    return name, url
