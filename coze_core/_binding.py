"""From a flow to a method of each client: the whole difference between the two, in one file.

A binding is a descriptor, so `client.chat.create` has the parameters, the docstring and the
result type of the flow that it runs; type checkers see them through `ParamSpec`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import (
    TYPE_CHECKING,
    Concatenate,
    ForwardRef,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    overload,
)

import coze_core
from coze_core._auth import Auth
from coze_core._call import Call
from coze_core._chat_streams import AsyncChatStream, ChatStream
from coze_core._flow import Flow
from coze_core._models import WireModel
from coze_core._paging import AsyncPager, Page, Pager, Pages
from coze_core._pump import StreamRequest

if TYPE_CHECKING:  # not everybody has sound and workflows
    from coze_core._downloads import AsyncSpeech, Speech
    from coze_core._workflow_run import WorkflowRun
    from coze_core._workflow_streams import AsyncWorkflowStream, WorkflowStream

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
M = TypeVar("M", bound=WireModel)


class Runs(Protocol):
    """What the blocking client offers to its resources."""

    @property
    def auth(self) -> Auth:
        """The credential."""

    def run(self, flow: Flow[T], /) -> T:
        """Run a flow, signed and repeated as the client does."""

    def run_unsigned(self, flow: Flow[T], /) -> T:
        """Run a flow whose calls carry no token: it is about to fetch one."""

    def open_stream(self, request: StreamRequest, /) -> ChatStream:
        """Return a chat's stream that is not open yet."""

    def open_workflow(self, request: StreamRequest, /) -> WorkflowStream:
        """Return a workflow's stream that is not open yet."""

    def open_speech(self, call: Call, /) -> Speech:
        """Return speech that is not asked for yet."""


class AsyncRuns(Protocol):
    """What the awaiting client offers to its resources."""

    @property
    def auth(self) -> Auth:
        """The credential."""

    async def run(self, flow: Flow[T], /) -> T:
        """Run a flow, signed and repeated as the client does."""

    async def run_unsigned(self, flow: Flow[T], /) -> T:
        """Run a flow whose calls carry no token: it is about to fetch one."""

    def open_stream(self, request: StreamRequest, /) -> AsyncChatStream:
        """Return a chat's stream that is not open yet."""

    def open_workflow(self, request: StreamRequest, /) -> AsyncWorkflowStream:
        """Return a workflow's stream that is not open yet."""

    def open_speech(self, call: Call, /) -> AsyncSpeech:
        """Return speech that is not asked for yet."""


class Resource:
    """A group of methods of the blocking client."""

    def __init__(self, client: Runs) -> None:
        self.client = client


class AsyncResource:
    """A group of methods of the awaiting client."""

    def __init__(self, client: AsyncRuns) -> None:
        self.client = client


class Later(Generic[T]):
    """A resource of a client that is imported and made when it is first asked for.

    Args:
        module: Where it is, within this package.
        name: Its class.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._class = name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._class}: made when it is first asked for>"

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...

    @overload
    def __get__(self, client: Runs | AsyncRuns, owner: type) -> T: ...

    def __get__(self, client: Runs | AsyncRuns | None, owner: type) -> Self | T:
        if client is None:
            return self
        made: T = getattr(importlib.import_module(f"coze_core.{self._module}"), self._class)(client)
        client.__dict__[self._name] = made  # found there first from now on
        return made


Holder = TypeVar("Holder", Resource, AsyncResource)


class Method(Generic[Holder, P, R]):
    """A function of a resource's client, shown as a method of the resource."""

    def __init__(
        self,
        source: Callable[..., object],
        call: Callable[Concatenate[Holder, P], R],
        returns: str,
        *,
        hidden: int = 0,
        ours: bool = False,
    ) -> None:
        self._hidden = hidden  # parameters that the client fills in
        self._ours = ours  # a type that the file of the source need not know
        self._call: Callable[Concatenate[Holder, P], R] = call
        self._source = source
        self._returns = returns
        self.__doc__ = source.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._qualname = f"{owner.__qualname__}.{name}"

    @functools.cached_property
    def _returned(self) -> str | ForwardRef:
        """What is returned, so that `typing.get_type_hints` finds it, and imports it only then."""
        if not self._ours:
            return self._returns
        return ForwardRef(f"{coze_core.__name__}.{self._returns}", module=__name__)

    def __get__(self, resource: Holder, owner: type | None = None) -> Callable[P, R]:
        if resource is None:
            return self  # on the class itself, as for a property
        call = self._call

        def direct(*args: P.args, **kwargs: P.kwargs) -> R:
            return call(resource, *args, **kwargs)

        bound: Callable[P, R] = direct
        if sys.version_info >= (3, 12) and inspect.iscoroutinefunction(call):
            bound = inspect.markcoroutinefunction(direct)
        functools.update_wrapper(bound, self._source)
        bound.__name__ = self._name
        bound.__qualname__ = self._qualname
        bound.__annotations__ = {**self._source.__annotations__, "return": self._returned}
        signature = inspect.signature(self._source)
        shown = list(signature.parameters.values())[self._hidden :]
        bound.__signature__ = signature.replace(  # type: ignore[attr-defined]  # set, never declared
            parameters=shown, return_annotation=self._returns
        )
        resource.__dict__[self._name] = bound  # found there first from now on
        return bound


def _result(source: Callable[..., object]) -> str:
    """Return what a flow or a list of pages holds, as it is written in its annotation."""
    written = str(source.__annotations__.get("return", "None"))
    return written[written.index("[") + 1 : -1] if "[" in written else written


def blocking(flow: Callable[P, Flow[T]]) -> Method[Resource, P, T]:
    """Bind a flow to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return resource.client.run(flow(*args, **kwargs))

    return Method(flow, call, _result(flow))


def awaiting(flow: Callable[P, Flow[T]]) -> Method[AsyncResource, P, Awaitable[T]]:
    """Bind a flow to the awaiting client."""

    async def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await resource.client.run(flow(*args, **kwargs))

    return Method(flow, call, _result(flow))


def signing_in(flow: Callable[Concatenate[Auth, P], Flow[T]]) -> Method[Resource, P, T]:
    """Bind a flow that works on the credential to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return resource.client.run_unsigned(flow(resource.client.auth, *args, **kwargs))

    return Method(flow, call, _result(flow), hidden=1)


def async_signing_in(
    flow: Callable[Concatenate[Auth, P], Flow[T]],
) -> Method[AsyncResource, P, Awaitable[T]]:
    """Bind a flow that works on the credential to the awaiting client."""

    async def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await resource.client.run_unsigned(flow(resource.client.auth, *args, **kwargs))

    return Method(flow, call, _result(flow), hidden=1)


def streaming(make: Callable[P, StreamRequest]) -> Method[Resource, P, ChatStream]:
    """Bind a stream to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> ChatStream:
        return resource.client.open_stream(make(*args, **kwargs))

    return Method(make, call, "ChatStream", ours=True)


def async_streaming(
    make: Callable[P, StreamRequest],
) -> Method[AsyncResource, P, AsyncChatStream]:
    """Bind a stream to the awaiting client."""

    def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> AsyncChatStream:
        return resource.client.open_stream(make(*args, **kwargs))

    return Method(make, call, "AsyncChatStream", ours=True)


def workflow_streaming(make: Callable[P, StreamRequest]) -> Method[Resource, P, WorkflowStream]:
    """Bind a workflow's stream to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> WorkflowStream:
        return resource.client.open_workflow(make(*args, **kwargs))

    return Method(make, call, "WorkflowStream", ours=True)


def async_workflow_streaming(
    make: Callable[P, StreamRequest],
) -> Method[AsyncResource, P, AsyncWorkflowStream]:
    """Bind a workflow's stream to the awaiting client."""

    def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> AsyncWorkflowStream:
        return resource.client.open_workflow(make(*args, **kwargs))

    return Method(make, call, "AsyncWorkflowStream", ours=True)


def running(
    make: Callable[P, StreamRequest | Flow[WorkflowRun]],
) -> Method[Resource, P, WorkflowRun]:
    """Bind a workflow's run, streamed or not, to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> WorkflowRun:
        plan = make(*args, **kwargs)
        if isinstance(plan, StreamRequest):
            return resource.client.open_workflow(plan).until_done()
        return resource.client.run(plan)

    return Method(make, call, "WorkflowRun", ours=True)


def async_running(
    make: Callable[P, StreamRequest | Flow[WorkflowRun]],
) -> Method[AsyncResource, P, Awaitable[WorkflowRun]]:
    """Bind a workflow's run, streamed or not, to the awaiting client."""

    async def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> WorkflowRun:
        plan = make(*args, **kwargs)
        if isinstance(plan, StreamRequest):
            return await resource.client.open_workflow(plan).until_done()
        return await resource.client.run(plan)

    return Method(make, call, "WorkflowRun", ours=True)


def speaking(make: Callable[P, Call]) -> Method[Resource, P, Speech]:
    """Bind speech to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> Speech:
        return resource.client.open_speech(make(*args, **kwargs))

    return Method(make, call, "Speech", ours=True)


def async_speaking(make: Callable[P, Call]) -> Method[AsyncResource, P, AsyncSpeech]:
    """Bind speech to the awaiting client."""

    def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> AsyncSpeech:
        return resource.client.open_speech(make(*args, **kwargs))

    return Method(make, call, "AsyncSpeech", ours=True)


def paging(make: Callable[P, Pages[M]]) -> Method[Resource, P, Pager[M]]:
    """Bind a list to the blocking client."""

    def call(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> Pager[M]:
        return Pager(make(*args, **kwargs), resource.client.run)

    return Method(make, call, f"Pager[{_result(make)}]", ours=True)


def async_paging(make: Callable[P, Pages[M]]) -> Method[AsyncResource, P, AsyncPager[M]]:
    """Bind a list to the awaiting client."""

    def call(resource: AsyncResource, /, *args: P.args, **kwargs: P.kwargs) -> AsyncPager[M]:
        def run(flow: Flow[Page[M]]) -> Awaitable[Page[M]]:
            return resource.client.run(flow)

        return AsyncPager(make(*args, **kwargs), run)

    return Method(make, call, f"AsyncPager[{_result(make)}]", ours=True)
