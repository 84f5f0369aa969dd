"""What every request goes through: who calls, how much, how long, and what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from starlette.types import Receive, Scope, Send

from coze_core import CozeError
from openai_coze._discreet import detail_of
from openai_coze._exchange import Exchange, Gone
from openai_coze._hub import Hub
from openai_coze._observe import LOG
from openai_coze._problems import Problem, Refused, problem_of

Handler = Callable[[Hub, Exchange], Awaitable[None]]
_LAST_WORDS: Final = 5.0  # seconds to tell an error to somebody who may not be reading


class Gate:
    """A route of the gateway, as an ASGI application.

    Args:
        hub: What all requests have in common.
        handler: Answers those that are let in.
        route: The path of its route.
    """

    def __init__(self, hub: Hub, handler: Handler, route: str) -> None:
        self._hub = hub
        self._handler = handler
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self._route)
        self._hub.observers.began(exchange)
        try:
            error = await self._admitted(exchange)
            if error is not None:
                await self._told(exchange, error)
        except Gone:
            exchange.note(outcome="gone")
        except BaseException:
            exchange.note(outcome="cancelled")
            raise
        finally:
            exchange.leave()
            self._hub.observers.ended(exchange)

    async def _admitted(self, exchange: Exchange) -> Exception | None:
        """Let a request in; return what it ended with, if it was not answered."""
        hub = self._hub
        try:
            exchange.caller = hub.access.admit(exchange.headers.get("authorization", ""))
            hub.access.count(exchange.caller)
            with hub:
                return await self._within_time(exchange)
        except Refused as error:
            return error

    async def _within_time(self, exchange: Exchange) -> Exception | None:
        with anyio.move_on_after(self._hub.settings.limits.seconds):
            return await self._handled(exchange)
        # It began a chat, and was paid for: to ask again would take as long and cost as much.
        return Refused(
            "the answer took too long / 回答超时", status=504, code="timeout", again=False
        )

    async def _handled(self, exchange: Exchange) -> Exception | None:
        try:
            await self._handler(self._hub, exchange)
        except (Gone, Refused):
            raise
        except (CozeError, ValueError, TypeError) as error:
            if isinstance(error, TypeError):  # a wrong type in the request, or a mistake of ours
                LOG.warning("a request could not be taken", exc_info=error)
            return error
        except Exception as error:  # noqa: BLE001 - the last place where it can be told
            LOG.error("an error inside the gateway", exc_info=error)
            return error
        return None

    async def _told(self, exchange: Exchange, error: Exception) -> None:
        own_token = exchange.caller is None or exchange.caller.has_own_token
        problem = problem_of(error, own_token=own_token)
        if isinstance(error, CozeError) and not own_token:
            exchange.note(detail=detail_of(error))
        exchange.note(
            error=problem.error.get("code") or problem.error["type"],
            coze_code=getattr(error, "code", None) if isinstance(error, CozeError) else None,
            logid=getattr(error, "log_id", None),
        )
        with anyio.move_on_after(_LAST_WORDS):
            await _say(exchange, problem)


async def _say(exchange: Exchange, problem: Problem) -> None:
    if not exchange.status:
        await exchange.refuse(problem)
    elif exchange.failure is not None and not exchange.ended:
        await exchange.write(exchange.failure(problem.error), last=True)


async def while_there(exchange: Exchange, work: Awaitable[None]) -> None:
    """Do something as long as the caller is there; their request must have been read.

    Args:
        exchange: The exchange.
        work: What is done; it is cancelled if they go away.

    Raises:
        Gone: They went away.
        Exception: What the work raised.
    """
    error: Exception | None = None
    gone = False
    done = False

    async def watch(scope: anyio.CancelScope) -> None:
        nonlocal gone
        await exchange.until_gone()
        gone = not done
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            await work
        except Exception as raised:  # noqa: BLE001 - raised again below, not in a group
            error = raised
        done = True
        group.cancel_scope.cancel()
    if error is not None:
        raise error
    if gone:
        raise Gone
