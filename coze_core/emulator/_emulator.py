"""The emulator itself: a thread with an event loop, a service on it, and two ways in."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import ssl
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from coze_core.emulator._access import Grant, OAuthApp
from coze_core.emulator._bots import Bot
from coze_core.emulator._builtin import builtin_bots
from coze_core.emulator._builtin_workflows import builtin_workflows
from coze_core.emulator._faults import Faults
from coze_core.emulator._http import OAuthApiError, Request, Response
from coze_core.emulator._oauth import answer_device
from coze_core.emulator._profile import PROFILES, ProfileName
from coze_core.emulator._service import Service
from coze_core.emulator._state import State
from coze_core.emulator._store import Store
from coze_core.emulator._workflows import Workflow
from coze_core.emulator.server import Server
from coze_core.emulator.transport import EmulatorTransport

T = TypeVar("T")
DEFAULT_TOKEN = "pat_emulator"  # noqa: S105 - it opens nothing but the emulator


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request that the emulator was sent.

    Attributes:
        method: The HTTP method.
        path: The path.
        query: The query parameters.
        body: The body.
        headers: The headers, the token masked.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Requests(list[RecordedRequest]):
    """The requests so far, oldest first."""

    def to(self, path: str) -> list[RecordedRequest]:
        """Return those to a path."""
        return [request for request in list(self) if request.path == path]


class Emulator:
    """A local Coze.

    Args:
        profile: `cloud` for coze.com and coze.cn, `studio` for a self-hosted Coze Studio.
        token: The token that requests must carry.
        bots: Bots besides the built-in ones.
        workflows: Workflows besides the built-in ones.
        db: A file that survives a restart, or `:memory:`.
        host: Where to listen; the loopback by default.
        port: The port; 0 takes a free one.
        tls: A server's TLS settings, to serve https with a certificate of yours.

    Raises:
        ValueError: If the profile is unknown or two bots have the same name.

    Example:
        >>> with Emulator() as emulator:
        ...     client = CozeClient(emulator.token, base_url=emulator.base_url)
        ...     turn = client.chat.create_and_poll(
        ...         bot_id=emulator.bot_id("echo"),
        ...         user_id="u",
        ...         messages=[EnterMessage.user("hi")],
        ...     )
    """

    def __init__(
        self,
        *,
        profile: ProfileName = "cloud",
        token: str = DEFAULT_TOKEN,
        bots: Sequence[Bot] = (),
        workflows: Sequence[Workflow] = (),
        db: str = ":memory:",
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if profile not in PROFILES:
            raise ValueError(f"profile must be one of {sorted(PROFILES)}, not {profile!r}")
        self.token = token
        self.requests = Requests()
        self.faults = Faults()
        self._state = State(Store(db), PROFILES[profile])
        self._state.access.allow(token, Grant())
        self._service = Service(self._state, self.faults)
        self._host, self._port, self._tls = host, port, tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._lock = threading.Lock()
        for bot in [*builtin_bots(), *bots]:
            self.add_bot(bot)
        for workflow in [*builtin_workflows(), *workflows]:
            self.add_workflow(workflow)

    def __repr__(self) -> str:
        return f"Emulator({self._state.profile.name!r}, bots={sorted(self.bots)})"

    # -- bots

    @property
    def bots(self) -> dict[str, Bot]:
        """The bots by name."""
        return {bot.name: bot for bot in self._state.bots.values()}

    def add_bot(self, bot: Bot) -> Bot:
        """Add a bot and return it.

        Raises:
            ValueError: If its name or id is taken.
        """
        if bot.name in self.bots or bot.id in self._state.bots:
            raise ValueError(f"there is a bot {bot.name!r} with that name or id already")
        self._state.bots[bot.id] = bot
        return bot

    def bot_id(self, name: str) -> str:
        """Return the id of a bot.

        Raises:
            KeyError: If there is no bot of that name.
        """
        return self.bots[name].id

    # -- workflows

    @property
    def workflows(self) -> dict[str, Workflow]:
        """The workflows by name."""
        return {workflow.name: workflow for workflow in self._state.workflows.values()}

    def add_workflow(self, workflow: Workflow) -> Workflow:
        """Add a workflow and return it.

        Raises:
            ValueError: If its name or id is taken.
        """
        if workflow.name in self.workflows or workflow.id in self._state.workflows:
            raise ValueError(f"there is a workflow {workflow.name!r} with that name or id already")
        self._state.workflows[workflow.id] = workflow
        return workflow

    def workflow_id(self, name: str) -> str:
        """Return the id of a workflow.

        Raises:
            KeyError: If there is no workflow of that name.
        """
        return self.workflows[name].id

    # -- who may do what

    def add_token(
        self,
        token: str,
        *,
        permissions: Sequence[str] | None = None,
        bot_ids: Sequence[str] | None = None,
        expires_in: float | None = None,
    ) -> str:
        """Let another token in and return it.

        Args:
            token: The token.
            permissions: What it may do, such as `Connector.botChat`; None for everything.
            bot_ids: The bots it may chat with; None for all.
            expires_in: Seconds until it ends; None for never.
        """
        ends = None if expires_in is None else self._state.clock.now() + expires_in
        grant = Grant(
            expires_at=ends,
            permissions=None if permissions is None else frozenset(permissions),
            bot_ids=None if bot_ids is None else frozenset(bot_ids),
        )
        self._state.access.allow(token, grant)
        return token

    def revoke_token(self, token: str) -> None:
        """Let a token in no more."""
        self._state.access.revoke(token)

    def add_oauth_app(self, app: OAuthApp) -> OAuthApp:
        """Add an app that people sign in with, and return it."""
        self._state.access.apps[app.client_id] = app
        return app

    def answer_device(self, user_code: str, *, granted: bool = True) -> None:
        """Answer the question of a device for its user.

        Raises:
            KeyError: If there is no such code.
        """
        try:
            answer_device(self._state, user_code, "granted" if granted else "denied")
        except OAuthApiError as error:
            raise KeyError(error.message) from None

    def advance(self, seconds: float) -> None:
        """Put the emulator's clock forward, so that tokens and codes end."""
        self._state.clock.ahead += seconds

    # -- ways in

    @property
    def base_url(self) -> str:
        """The address to use as base_url.

        Raises:
            RuntimeError: If the emulator was not started.
        """
        if self._server is None:
            raise RuntimeError("start the emulator first: emulator.start(), or a with block")
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self._port}"

    def transport(self) -> EmulatorTransport:
        """Return an httpx transport that reaches the emulator without a socket."""
        return EmulatorTransport(self._submit, self._handle)

    def start(self) -> Self:
        """Listen on the socket.

        Raises:
            OSError: If the port is taken.
        """
        if self._server is None:
            server = Server(self._handle, self._tls)
            self._port = self._submit(server.start(self._host, self._port)).result()
            self._server = server
        return self

    def stop(self) -> None:
        """Stop listening, end what runs and forget what was not kept in a file."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._shut_down(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        self._server = None
        self._state.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # -- inside

    async def _handle(self, request: Request) -> Response:
        headers = dict(request.headers)
        if "authorization" in headers:
            headers["authorization"] = "Bearer ***"
        self.requests.append(
            RecordedRequest(request.method, request.path, request.query, request.body, headers)
        )
        return await self._service.handle(request)

    def _submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._running_loop())

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="coze-emulator", daemon=True
                )
                self._thread.start()
            return self._loop

    async def _shut_down(self) -> None:
        if self._server is not None:
            await self._server.stop()
        for run in self._state.runs.values():
            run.stop()
        for execution in self._state.executions.values():
            execution.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_asyncgens()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
