"""The gateway as an ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from coze_core import __version__
from openai_coze._audio import speech, transcriptions
from openai_coze._chat import chat_completions
from openai_coze._files import retrieve_file, upload_file
from openai_coze._gate import Gate, Handler
from openai_coze._hub import Hub
from openai_coze._models import list_models, retrieve_model
from openai_coze._observe import METRICS_TYPE
from openai_coze._page import page
from openai_coze._problems import Refused, problem_of
from openai_coze._responses import responses
from openai_coze._settings import Settings


def create_app(settings: Settings | None = None, *, transport: Any = None) -> Starlette:
    """Return the gateway as an ASGI application.

    Args:
        settings: What it is told; callers with tokens of their own, for any bot, if None.
        transport: Your own `httpx.AsyncBaseTransport` to reach Coze.

    Example:
        >>> app = create_app()  # uvicorn.run(app, port=8000)
    """
    hub = Hub(settings or Settings(), transport)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await hub.clients.aclose()

    app = Starlette(
        routes=_routes(hub),
        middleware=_middleware(hub.settings),
        exception_handlers={HTTPException: _no_such_route},
        lifespan=lifespan,
    )
    # A redirect names the address that we were asked at, which is not always that of a proxy before
    # us, and takes the key there.
    app.router.redirect_slashes = False
    app.state.hub = hub
    return app


def _routes(hub: Hub) -> Sequence[Route]:
    def route(path: str, method: str, handler: Handler) -> Route:
        return Route(path, Gate(hub, handler, path), methods=[method])

    async def healthz(_: Request) -> Response:
        facts = {"status": "ok", "version": __version__, "running": hub.running}
        return JSONResponse(facts, headers={"cache-control": "no-store"})

    async def metrics(_: Request) -> Response:
        return Response(hub.observers.metrics.text(), media_type=METRICS_TYPE)

    others = [Route("/healthz", healthz, methods=["GET"])]
    if hub.observers.metrics is not None:
        others.append(Route("/metrics", metrics, methods=["GET"]))
    if hub.settings.page:
        others.append(_page_route())
    return [
        *others,
        route("/v1/chat/completions", "POST", chat_completions),
        route("/v1/responses", "POST", responses),
        route("/v1/files", "POST", upload_file),
        route("/v1/files/{file_id}", "GET", retrieve_file),
        route("/v1/audio/speech", "POST", speech),
        route("/v1/audio/transcriptions", "POST", transcriptions),
        route("/v1/models", "GET", list_models),
        route("/v1/models/{model:path}", "GET", retrieve_model),
    ]


def _page_route() -> Route:
    text, headers = page()

    async def show(_: Request) -> Response:
        return HTMLResponse(text, headers=headers)

    return Route("/", show, methods=["GET"])


def _middleware(settings: Settings) -> Sequence[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],  # OpenAI's client sends many of its own
            expose_headers=[
                "x-request-id",
                "x-coze-logid",
                "x-coze-bot-id",
                "x-coze-ignored",
                "x-should-retry",
                "retry-after",
            ],
        )
    ]


async def _no_such_route(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, HTTPException) else HTTPException(500)
    status = known.status_code
    text = {
        404: "there is no such route: see docs/gateway.md / 网关没有该接口",
        405: "this route takes another method / 请求方法不正确",
    }.get(status, "the request cannot be answered")
    problem = problem_of(Refused(text, status=status, code="unknown_route"))
    # A wrong method is told which ones there are.
    return JSONResponse({"error": problem.error}, status_code=problem.status, headers=known.headers)
