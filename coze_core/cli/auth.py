"""`coze auth`: sign in once, and all commands know who you are."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Annotated

import typer

from coze_core._auth import check_token
from coze_core._client import CozeClient
from coze_core._config import resolve_base_url
from coze_core._environment import from_environment
from coze_core._errors import AuthenticationError, NotFoundError, PermissionDeniedError
from coze_core.cli import _options as options
from coze_core.cli._output import say_json, stderr, stdout
from coze_core.cli._signed_in import SignIn, SignIns

auth = typer.Typer(help="Sign in, out, and see who you are / 登录与退出.", no_args_is_help=True)


@auth.command()
def login(
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id",
            help="The OAuth app (of the device kind); else COZE_CLIENT_ID.",
            envvar="COZE_CLIENT_ID",
            show_envvar=False,
        ),
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Ask for this workspace only.")
    ] = None,
    with_token: Annotated[
        bool,
        typer.Option("--with-token", help="Save a token instead; it is read from stdin."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Whether to try the token.")
    ] = True,
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
) -> None:
    """Sign in on another device, or save a token / 通过设备码登录，或保存令牌."""
    host = resolve_base_url(base_url, region)
    made = SignIn(host, "" if with_token else (client_id or "").strip())
    if with_token:
        _save(made, check=check)
    elif made.client_id:
        _by_device(made, workspace)
    else:
        raise ValueError(
            "no OAuth app: pass --client-id, or save a token with --with-token / "
            "请传入 --client-id，或使用 --with-token 保存令牌"
        )
    SignIns().add(made)
    note = stderr()
    note.out(f"signed in at {host} / 已登录", highlight=False)
    if from_environment("token"):
        note.out("note: COZE_API_TOKEN is set and goes first / COZE_API_TOKEN 优先生效")


def _save(made: SignIn, *, check: bool) -> None:
    token = _typed() if sys.stdin.isatty() else sys.stdin.read().strip()
    check_token(token)
    if check:
        # A Studio refuses what is asked here in its own words; the client must not do so before.
        with CozeClient(token, base_url=made.base_url, server="cloud") as client:
            _try(client)
    made.save(token)


def _try(client: CozeClient) -> None:
    """Find out whether the token is good.

    Raises:
        AuthenticationError: It is not.
    """
    try:
        client.users.me()
    except PermissionDeniedError:
        return  # it is not allowed this, so it is known
    except AuthenticationError as error:
        if "session_key" not in error.message:  # a Studio's word for what it does not have
            raise
        with contextlib.suppress(NotFoundError):
            client.bots.retrieve(bot_id="1")


def _typed() -> str:
    return str(typer.prompt("token / 令牌", hide_input=True, err=True)).strip()


def _by_device(made: SignIn, workspace: str | None) -> None:
    user = made.auth()
    with CozeClient(auth=user) as client:
        code = client.oauth.device_code(workspace_id=workspace)
        console = stderr()
        console.out("Open this page and confirm / 请打开下面的页面并确认:", highlight=False)
        console.out(f"  {code.verification_url}", highlight=False)
        console.out(f"  code / 验证码: {code.user_code}", highlight=False)
        client.oauth.wait_for_user(code)


@auth.command()
def logout(
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
    every: Annotated[bool, typer.Option("--all", help="Of every host.")] = False,
) -> None:
    """Forget the stored sign-in, token and all / 退出登录并删除令牌."""
    known = SignIns()
    if every:
        gone = known.all()
    else:
        told = base_url or region or from_environment("base_url")
        found = known.find(resolve_base_url(base_url, region) if told else None)
        gone = [] if found is None else [found]
    for made in gone:
        known.remove(made)
        stderr().out(f"signed out of {made.base_url} / 已退出", highlight=False)
    if not gone:
        stderr().out("nobody was signed in / 尚未登录", highlight=False)


@auth.command()
def status(as_json: options.JsonOption = False) -> None:
    """Show which credential the commands use / 查看当前凭证."""
    rows = [*_from_environment(), *(_told(made) for made in SignIns().all())]
    for row in rows:
        if as_json:
            say_json(row)
        else:
            stdout().out("  ".join(str(value) for value in row.values() if value), highlight=False)
    if not rows:
        stderr().out("nobody is signed in: `coze auth login` / 尚未登录", highlight=False)
        raise typer.Exit(1)


def _from_environment() -> list[dict[str, object]]:
    if from_environment("token") is None:
        return []
    return [{"base_url": resolve_base_url(None, None), "source": "COZE_API_TOKEN", "state": ""}]


def _told(made: SignIn) -> dict[str, object]:
    token = made.kept()
    if token is None:
        state = "signed out / 已失效"
    elif not made.client_id:
        state = "saved token / 已保存的令牌"
    elif token.expires_at > time.time():
        state = f"good for {token.expires_at - time.time():.0f} s, then renewed / 到期自动续期"
    else:
        state = "ended, renewed with the next use / 已到期，下次使用时续期"
    source = f"OAuth app {made.client_id}" if made.client_id else ""
    return {"base_url": made.base_url, "source": source, "state": state}
