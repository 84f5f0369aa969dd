"""`coze gateway`: starts the OpenAI-compatible gateway, which is a package of its own."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Annotated, Any, Final

import typer

_INSTALL: Final = (
    "the gateway is not installed: pip install 'coze-bridge[openai]' / "
    "网关尚未安装：pip install 'coze-bridge[openai]'"
)
_PACKAGE: Final = "openai_coze"


def gateway(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Where to listen; 127.0.0.1 if unset.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8000 if unset.")] = None,
) -> None:
    """Serve your bots to OpenAI clients / 以 OpenAI 兼容接口提供智能体.

    Options that are not listed here go to the gateway itself.
    """
    main = _found(f"{_PACKAGE}.__main__", "main") or _found(_PACKAGE, "main")
    if main is not None:
        told = [] if host is None else ["--host", host]
        told += [] if port is None else ["--port", str(port)]
        raise typer.Exit(int(main([*told, *context.args]) or 0))
    make = _found(_PACKAGE, "create_app")
    serve = _found("uvicorn", "run")
    if make is None or serve is None:
        raise ImportError(_INSTALL)
    if context.args:
        raise ValueError(f"this gateway takes no {context.args[0]!r}")
    serve(make(), host=host or "127.0.0.1", port=8000 if port is None else port)


def _found(module: str, name: str) -> Any:
    """Return a function of a module; None if there is no such function or module."""
    if importlib.util.find_spec(module) is None:
        return None
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:  # a package that the gateway needs
        raise ImportError(f"{_INSTALL} ({error.name})") from error
