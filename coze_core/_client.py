"""The two clients: configuration, credential and resources."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeVar

import httpx

import coze_core  # whose names are imported when they are asked for, by whomever
from coze_core import _resources as resources
from coze_core._auth import Auth
from coze_core._binding import Later
from coze_core._call import Call
from coze_core._capabilities import Capabilities, ServerSetting
from coze_core._chat_streams import AsyncChatStream, ChatStream
from coze_core._client_base import (
    BaseClient,
    Credential,
    check_given,
    config_of,
    credential_of,
    host_of,
)
from coze_core._config import (
    ClientConfig,
    ProtocolName,
    Tracing,
)
from coze_core._desk import ConversationLock, Lease
from coze_core._drivers import AsyncDriver, SyncDriver
from coze_core._flow import Flow, send
from coze_core._memo import Memo
from coze_core._pump import StreamRequest
from coze_core._timeouts import SomeTimeout, Timeouts

if TYPE_CHECKING:  # imported by those who use them
    from coze_core import _platform_resources as platform  # noqa: F401 - named in quotes
    from coze_core import _workflow_resources as workflow  # noqa: F401 - named in quotes

T = TypeVar("T")


class CozeClient(BaseClient[SyncDriver]):
    """A Coze client that blocks; one object serves any number of threads.

    Args:
        token: The access token; `COZE_API_TOKEN` if None.
        auth: A credential that renews itself, or a function that returns a token.
        base_url: The API host; the credential's, else `COZE_API_BASE`, else https://api.coze.com,
            if None.
        region: `com` or `cn`, instead of base_url.
        timeout: Seconds for every wait, `Timeouts`, or `httpx.Timeout`.
        max_retries: Attempts after the first, where sending again is safe.
        headers: Sent with every request.
        proxy: A proxy URL (HTTP, or SOCKS with the extra `socks`); the usual variables if None.
        server: `cloud` or `studio` (Coze Studio); `auto` finds out when it matters.
        protocol: `v3`; or `v2`, the old version of chats, for deployments that still have it.
        tracing: Whether work is traced with OpenTelemetry (extra `tracing`), or `Tracing` for how;
            if None, it is where a tracer provider has been configured.
        conversation_lock: Keeps other workers out of a conversation while a chat with
            `on_busy="wait"` runs; within this process, that is done without one.
        http_client: Your own `httpx.Client`; it is never closed here.
        transport: Your own `httpx.BaseTransport`.

    Raises:
        ValueError: A setting that cannot be, or no token.
        TypeError: An HTTP client or transport of another kind.
        ImportError: Tracing is wanted and OpenTelemetry is not installed.

    Example:
        >>> client = CozeClient(region="cn")  # doctest: +SKIP
        >>> client.users.me().user_name  # doctest: +SKIP
    """

    bots = Later["platform.Bots"]("_platform_resources", "Bots")
    workspaces = Later["platform.Workspaces"]("_platform_resources", "Workspaces")
    users = Later["platform.Users"]("_platform_resources", "Users")
    oauth = Later["platform.OAuth"]("_platform_resources", "OAuth")
    workflows = Later["workflow.Workflows"]("_workflow_resources", "Workflows")
    variables = Later["platform.Variables"]("_platform_resources", "Variables")
    datasets = Later["platform.Datasets"]("_platform_resources", "Datasets")
    audio = Later["platform.Audio"]("_platform_resources", "Audio")

    def __init__(
        self,
        token: str | None = None,
        *,
        auth: Credential | None = None,
        base_url: str | None = None,
        region: Literal["com", "cn"] | None = None,
        timeout: float | Timeouts | SomeTimeout | None = None,
        max_retries: int = 2,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        server: ServerSetting = "auto",
        protocol: ProtocolName = "v3",
        tracing: bool | Tracing | None = None,
        conversation_lock: ConversationLock | None = None,
        http_client: httpx.Client | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        check_given(http_client, httpx.Client, transport, httpx.BaseTransport)
        found = credential_of(token, auth)
        host = host_of(found, base_url, region)
        others = (proxy, server, protocol, conversation_lock)
        config = config_of(host, timeout, max_retries, headers, *others, tracing=tracing)
        self._begin(found, config, http_client, transport)

    def _begin(
        self,
        auth: Auth,
        config: ClientConfig,
        http_client: httpx.Client | None,
        transport: httpx.BaseTransport | None,
        memo: Memo | None = None,
        driver: SyncDriver | None = None,
    ) -> None:
        self._given = (http_client, transport)
        made = driver or SyncDriver(config, http_client, transport)
        self._set_up(auth, config, made, memo)
        self.chat = resources.Chats(self)
        if config.protocol == "v2":
            from coze_core._v2_resources import V2Chats

            self.chat = V2Chats(self)
        self.conversations = resources.Conversations(self)
        self.files = resources.Files(self)

    def run(self, flow: Flow[T], /) -> T:
        """Run a flow, signed and repeated as this client does."""
        return self._driver.run(self._signed(flow))

    def run_unsigned(self, flow: Flow[T], /) -> T:
        """Run a flow whose calls carry no token: it is about to fetch one."""
        return self._driver.run(self._unsigned(flow))

    def detect(self) -> Capabilities:
        """Find out what the server can do, by one request at the most.

        Example:
            >>> client.detect().submit_tool_outputs  # doctest: +SKIP
        """
        return self._driver.run(self._around.detect())

    def open_stream(self, request: StreamRequest, /) -> ChatStream:
        """Return a stream that is opened when it is entered or iterated."""
        request = self._as_spoken(request)
        pump = self._observing.chat_pump(request)
        return ChatStream(self._driver, pump, request.leased(Lease(pump)), self._flows)

    def open_workflow(self, request: StreamRequest, /) -> coze_core.WorkflowStream:
        """Return a workflow's stream that is opened when it is entered or iterated."""
        pump = self._observing.workflow_pump(request)
        return coze_core.WorkflowStream(self._driver, pump, request, self._flows)

    def open_speech(self, call: Call, /) -> coze_core.Speech:
        """Return speech that is asked for when it is entered, iterated over or read."""
        return coze_core.Speech(self._driver, lambda: self._signed(send(call)))

    def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncCozeClient(BaseClient[AsyncDriver]):
    """A Coze client that awaits; one object serves any number of event loops, asyncio or trio.

    Args:
        token: The access token; `COZE_API_TOKEN` if None.
        auth: A credential that renews itself, or a function that returns a token.
        base_url: The API host; the credential's, else `COZE_API_BASE`, else https://api.coze.com,
            if None.
        region: `com` or `cn`, instead of base_url.
        timeout: Seconds for every wait, `Timeouts`, or `httpx.Timeout`.
        max_retries: Attempts after the first, where sending again is safe.
        headers: Sent with every request.
        proxy: A proxy URL (HTTP, or SOCKS with the extra `socks`); the usual variables if None.
        server: `cloud` or `studio` (Coze Studio); `auto` finds out when it matters.
        protocol: `v3`; or `v2`, the old version of chats, for deployments that still have it.
        tracing: Whether work is traced with OpenTelemetry (extra `tracing`), or `Tracing` for how;
            if None, it is where a tracer provider has been configured.
        conversation_lock: Keeps other workers out of a conversation while a chat with
            `on_busy="wait"` runs; within this process, that is done without one.
        http_client: Your own `httpx.AsyncClient`; it is never closed here.
        transport: Your own `httpx.AsyncBaseTransport`.

    Raises:
        ValueError: A setting that cannot be, or no token.
        TypeError: An HTTP client or transport of another kind.
        ImportError: Tracing is wanted and OpenTelemetry is not installed.

    Example:
        >>> client = AsyncCozeClient(region="cn")  # doctest: +SKIP
        >>> (await client.users.me()).user_name  # doctest: +SKIP
    """

    bots = Later["platform.AsyncBots"]("_platform_resources", "AsyncBots")
    workspaces = Later["platform.AsyncWorkspaces"]("_platform_resources", "AsyncWorkspaces")
    users = Later["platform.AsyncUsers"]("_platform_resources", "AsyncUsers")
    oauth = Later["platform.AsyncOAuth"]("_platform_resources", "AsyncOAuth")
    workflows = Later["workflow.AsyncWorkflows"]("_workflow_resources", "AsyncWorkflows")
    variables = Later["platform.AsyncVariables"]("_platform_resources", "AsyncVariables")
    datasets = Later["platform.AsyncDatasets"]("_platform_resources", "AsyncDatasets")
    audio = Later["platform.AsyncAudio"]("_platform_resources", "AsyncAudio")

    def __init__(
        self,
        token: str | None = None,
        *,
        auth: Credential | None = None,
        base_url: str | None = None,
        region: Literal["com", "cn"] | None = None,
        timeout: float | Timeouts | SomeTimeout | None = None,
        max_retries: int = 2,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        server: ServerSetting = "auto",
        protocol: ProtocolName = "v3",
        tracing: bool | Tracing | None = None,
        conversation_lock: ConversationLock | None = None,
        http_client: httpx.AsyncClient | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        check_given(http_client, httpx.AsyncClient, transport, httpx.AsyncBaseTransport)
        found = credential_of(token, auth)
        host = host_of(found, base_url, region)
        others = (proxy, server, protocol, conversation_lock)
        config = config_of(host, timeout, max_retries, headers, *others, tracing=tracing)
        self._begin(found, config, http_client, transport)

    def _begin(
        self,
        auth: Auth,
        config: ClientConfig,
        http_client: httpx.AsyncClient | None,
        transport: httpx.AsyncBaseTransport | None,
        memo: Memo | None = None,
        driver: AsyncDriver | None = None,
    ) -> None:
        self._given = (http_client, transport)
        made = driver or AsyncDriver(config, http_client, transport)
        self._set_up(auth, config, made, memo)
        self.chat = resources.AsyncChats(self)
        if config.protocol == "v2":
            from coze_core._v2_resources import AsyncV2Chats

            self.chat = AsyncV2Chats(self)
        self.conversations = resources.AsyncConversations(self)
        self.files = resources.AsyncFiles(self)

    async def run(self, flow: Flow[T], /) -> T:
        """Run a flow, signed and repeated as this client does."""
        return await self._driver.run(self._signed(flow))

    async def run_unsigned(self, flow: Flow[T], /) -> T:
        """Run a flow whose calls carry no token: it is about to fetch one."""
        return await self._driver.run(self._unsigned(flow))

    async def detect(self) -> Capabilities:
        """Find out what the server can do, by one request at the most.

        Example:
            >>> (await client.detect()).submit_tool_outputs  # doctest: +SKIP
        """
        return await self._driver.run(self._around.detect())

    def open_stream(self, request: StreamRequest, /) -> AsyncChatStream:
        """Return a stream that is opened when it is entered or iterated."""
        request = self._as_spoken(request)
        pump = self._observing.chat_pump(request)
        return AsyncChatStream(self._driver, pump, request.leased(Lease(pump)), self._flows)

    def open_workflow(self, request: StreamRequest, /) -> coze_core.AsyncWorkflowStream:
        """Return a workflow's stream that is opened when it is entered or iterated."""
        pump = self._observing.workflow_pump(request)
        return coze_core.AsyncWorkflowStream(self._driver, pump, request, self._flows)

    def open_speech(self, call: Call, /) -> coze_core.AsyncSpeech:
        """Return speech that is asked for when it is entered, iterated over or read."""
        return coze_core.AsyncSpeech(self._driver, lambda: self._signed(send(call)))

    async def aclose(self) -> None:
        """Close the connections of this event loop; new ones are opened if it is used again."""
        await self._driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
