"""`python -m openai_coze`: the gateway on a port."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
import sys
from typing import Final

import uvicorn
from starlette.applications import Starlette

from coze_core import environment_variable, from_environment
from openai_coze._app import create_app
from openai_coze._load import settings_from_environment, settings_from_file
from openai_coze._logs import log_to_stderr
from openai_coze._settings import GatewayKey, Settings

# How a worker process learns what the command line said; no secret is in it.
_OPTIONS: Final = "COZE_GATEWAY_OPTIONS"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openai_coze",
        description="Serve Coze bots behind OpenAI's interfaces. 以 OpenAI 接口提供扣子智能体。",
    )
    parser.add_argument("--config", help="a TOML file of settings (or COZE_GATEWAY_CONFIG)")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=BOT_ID",
        help="a model; without a file of settings",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0 takes a free one")
    parser.add_argument("--uds", help="a Unix socket to listen on instead")
    parser.add_argument("--workers", type=int, default=1, help="how many processes")
    parser.add_argument("--metrics", action="store_true", help="serve /metrics")
    parser.add_argument("--traces", action="store_true", help="tell OpenTelemetry")
    parser.add_argument("--no-page", action="store_true", help="serve no page at /")
    parser.add_argument(
        "--cors-origin", action="append", default=[], help="web pages that may call; * for all"
    )
    parser.add_argument("--log", choices=("json", "text"), default="json", help="how to log")
    parser.add_argument("--new-key", action="store_true", help="print a new key and its digest")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    config = options.config or environment_variable("COZE_GATEWAY_CONFIG")
    if config and options.model:
        raise ValueError("give models in the file of settings, or as --model: not both")
    found = (
        settings_from_file(config) if config else settings_from_environment(models=options.model)
    )
    changes: dict[str, object] = {}
    if options.metrics:
        changes["metrics"] = True
    if options.traces:
        changes["traces"] = True
    if options.no_page:
        changes["page"] = False
    if options.cors_origin:
        changes["cors_origins"] = tuple(options.cors_origin)
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]  # named above


def worker() -> Starlette:
    """Return the application of one worker process."""
    options = argparse.Namespace(**json.loads(os.environ[_OPTIONS]))
    log_to_stderr(as_json=options.log == "json")
    return create_app(_settings(options))


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; return the exit status."""
    options = _parser().parse_args(arguments)
    if options.new_key:
        key = f"sk-{secrets.token_urlsafe(32)}"
        print(f'{key}\nsha256 = "{GatewayKey.of(key, name="new").digest}"')
        return 0
    try:
        settings = _settings(options)
        create_app(settings)  # what no worker could begin with ends the program here, once
    except (ValueError, ImportError) as error:
        print(f"The gateway could not start: {error}", file=sys.stderr)
        return 1
    _greet(settings, options)
    log_to_stderr(as_json=options.log == "json")
    os.environ[_OPTIONS] = json.dumps(vars(options))
    uvicorn.run(
        "openai_coze.__main__:worker",
        factory=True,
        host=options.host,
        port=options.port,
        uds=options.uds,
        workers=options.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.limits.shutdown,
    )
    return 0


def _greet(settings: Settings, options: argparse.Namespace) -> None:
    names = ", ".join(model.name for model in settings.models) or "the caller's published bots"
    keys = f"{len(settings.keys)} gateway keys" if settings.keys else ""
    own = "their own Coze tokens" if settings.takes_tokens else ""
    where = options.uds or f"http://{options.host}:{options.port}"
    print(f"Coze behind OpenAI's interfaces at {where}/v1", file=sys.stderr)
    print(f"  models: {names}", file=sys.stderr)
    print(f"  callers show: {' or '.join(filter(None, (keys, own)))}", file=sys.stderr)
    if not settings.keys and from_environment("token"):
        print("  COZE_API_TOKEN is not used: set COZE_GATEWAY_KEY to lend it", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
