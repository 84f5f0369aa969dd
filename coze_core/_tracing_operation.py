"""One span: from the first step of a flow to its result, or to the end of the stream it opens.

`watched` runs a flow as it is and tells its operation what it sees, for both clients: the span is
the current one while a step is performed, so what the HTTP library traces hangs below it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeVar

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer

from coze_core import _tracing_facts as facts
from coze_core._call import Call
from coze_core._errors import APITimeoutError, CozeError, hidden, redact
from coze_core._flow import Exclusive, Flow, Send, Sleep, Step
from coze_core._turn import Turn

T = TypeVar("T")

_EARLY: Final = 0.001  # seconds that the timer of an event loop may be ahead of a clock


class Operation:
    """The span of one piece of work.

    Attributes:
        call: What the work is about; None until the first request.
        content: Whether the span holds what was said.
    """

    def __init__(
        self, tracer: Tracer, server: facts.Facts, *, content: bool, call: Call | None = None
    ) -> None:
        self.call = call
        self.content = content
        self.span: Span = INVALID_SPAN
        self._tracer = tracer
        self._server = server
        self._secret = ""
        self._attempts = 0
        self._begun_at = 0
        self._overdue: Callable[[], bool] = bool  # never
        self._ended = False
        self._lock = threading.Lock()  # a stream may be closed by another thread

    # -- the beginning

    def take(self, step: Step) -> None:
        """Be told of a step that is about to be performed."""
        if self._ended:
            return
        self._begun_at = self._begun_at or time.time_ns()
        if isinstance(step, Send):
            self._secret = step.call.secret or self._secret
            self._about(step.call)
        elif isinstance(step, Exclusive) and step.call is not None:
            self._about(step.call)
        if self.span is INVALID_SPAN and self.call is not None:
            self._begin(self.call)
        if isinstance(step, Exclusive):
            self.event("coze.token_renewal", {})
        elif isinstance(step, Sleep) and step.because is not None:
            self._attempts += 1
            about: facts.Facts = {
                "coze.retry.attempt": self._attempts,
                "coze.retry.delay": step.seconds,
            }
            self.event("coze.retry", {**about, **facts.of_error(step.because)})

    def _about(self, call: Call) -> None:
        known = self.call
        if known is None:
            self.call = call
        elif facts.is_operation(call) and not facts.is_operation(known):
            # Files went first; now it shows what they are for.
            self.call = call
            self.span.update_name(facts.span_name(call))
            self._set(facts.of_call(call))

    def _begin(self, call: Call) -> None:
        self.span = self._tracer.start_span(
            facts.span_name(call),
            kind=SpanKind.CLIENT,
            attributes={**self._server, **facts.of_call(call)},
            start_time=self._begun_at,
        )

    def current(self) -> AbstractContextManager[object]:
        """Make the span the current one, without ending it or taking errors for its own."""
        if self.span is INVALID_SPAN:
            return nullcontext()
        return trace.use_span(
            self.span,
            end_on_exit=False,
            record_exception=False,
            set_status_on_exception=False,
        )

    # -- meanwhile

    def due(self, when: float, clock: Callable[[], float]) -> None:
        """Be told of a deadline: what is given up after it has failed."""
        self._overdue = lambda: clock() >= when - _EARLY

    def first_token(self, now: int) -> None:
        """Note that the answer has begun."""
        seconds = (now - self._begun_at) / 1e9
        self.event("coze.first_token", {}, now)
        if self.span.is_recording():
            self.span.set_attribute("coze.time_to_first_token", seconds)
            self.span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)

    def event(self, name: str, about: facts.Facts, at: int | None = None) -> None:
        """Note that something has happened."""
        if self.span.is_recording():
            self.span.add_event(name, self._safe(about), at)

    def child(self, name: str, about: facts.Facts, begun: int, ended: int) -> None:
        """Note something that took its time."""
        if self.span.is_recording():
            self._tracer.start_span(
                self._hidden(name),
                context=trace.set_span_in_context(self.span),
                attributes=self._safe(about),
                start_time=begun,
            ).end(ended)

    # -- the end

    def returned(self, value: object, *, at: int | None = None) -> None:
        """End the span: the work is done, and this came of it."""
        self._end(value, at=at)

    def failed(self, error: BaseException, value: object = None) -> None:
        """End the span: the work has failed, or somebody has given it up.

        Args:
            error: Why. A driver closes a flow while it is being left with an exception of another
                kind than a flow is told of; that one is the context of the `GeneratorExit`.
            value: What came of it all the same.
        """
        cause = error.__context__ if isinstance(error, GeneratorExit) else error
        if isinstance(cause, Exception):
            self._end(value, error=cause)
        elif self._overdue():
            self._end(value, error=APITimeoutError("the stream did not open in time"))
        else:
            self.cancelled(value)

    def cancelled(self, value: object = None) -> None:
        """End the span: nobody wants the work any more."""
        self._end(value, {"coze.cancelled": True, "gen_ai.response.finish_reasons": ("cancelled",)})

    def _end(
        self,
        value: object,
        extra: Mapping[str, facts.Value] | None = None,
        *,
        error: Exception | None = None,
        at: int | None = None,
    ) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
        if self.span.is_recording():
            self._tell(value)
            self._set(dict(extra or {}))
            if error is not None:
                self._blame(error)
        self.span.end(at)

    def _tell(self, value: object) -> None:
        self._set(facts.of_result(value))
        if self.call is None:
            return
        if isinstance(value, Turn) and value.bot_id:
            self.span.update_name(self._hidden(facts.span_name(self.call, value.bot_id)))
        if self.content:
            self._set({**facts.said(self.call), **facts.answered(value)})

    def _blame(self, error: Exception) -> None:
        about = facts.of_error(error)
        self._set(about)
        code = about.get("coze.error.code")
        told = f"{about['error.type']}" + ("" if code is None else f" (code {code})")
        message = error.message if isinstance(error, CozeError) else ""
        if self.content and message:
            told += f": {self._hidden(message)}"
        self.span.set_status(StatusCode.ERROR, told)

    def _set(self, about: facts.Facts) -> None:
        self.span.set_attributes(self._safe(about))

    def _safe(self, about: facts.Facts) -> facts.Facts:
        """Return the facts without the token, wherever a server may have put it."""
        return {
            name: self._hidden(value) if isinstance(value, str) else value
            for name, value in about.items()
        }

    def _hidden(self, text: str) -> str:
        return hidden(redact(text), self._secret)


def watched(
    flow: Flow[T], operation: Operation, returned: Callable[[T], None] | None = None
) -> Flow[T]:
    """Return the same flow, which tells an operation of its steps and of its end.

    Args:
        flow: The flow.
        operation: Who is told.
        returned: What to do with the result instead of ending the span with it.
    """
    try:
        step = next(flow)
        while True:
            operation.take(step)
            try:
                with operation.current():
                    outcome = yield step
            except CozeError as error:
                step = flow.throw(error)
            else:
                step = flow.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        (returned or operation.returned)(result)
        return result
    except BaseException as error:
        operation.failed(error)
        raise
    finally:
        flow.close()
