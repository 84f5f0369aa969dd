"""Running workflows (protocol notes, sections 3.9 and 6.6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from coze_core._call import Call
from coze_core._endpoints._checks import check_seconds
from coze_core._endpoints._workflow_bodies import (
    prepared_answer,
    resume_body,
    run_body,
)
from coze_core._endpoints.workflow_info import execution
from coze_core._errors import PollTimeoutError
from coze_core._flow import Flow, send
from coze_core._polling import poll_until
from coze_core._stream_request import StreamRequest
from coze_core._workflow_inputs import with_uploads
from coze_core._workflow_models import Interrupt
from coze_core._workflow_run import WorkflowRun

RUN: Final = "/v1/workflow/run"
RESUME: Final = "/v1/workflows/resume"
STREAM: Final = "/v1/workflow/stream_run"
STREAM_RESUME: Final = "/v1/workflow/stream_resume"
CHAT: Final = "/v1/workflows/chat"  # of `chatflows`; what runs a workflow is named in one place

RunMode: TypeAlias = Literal["auto", "sync", "stream", "async"]
_SYNC_SECONDS: Final = 90  # after which the server drops a run that has not answered
_STREAM_SECONDS: Final = 600  # what a run may take unless it is asynchronous
_LONGEST: Final = 86_400


def chosen_mode(mode: RunMode, max_seconds: float | None) -> Literal["sync", "stream", "async"]:
    """Return how to run a workflow: as it is told, else by how long it may take.

    The server drops a blocking run after 90 seconds and any but an asynchronous one after ten
    minutes (section 6.6); a stream is the one way that asks its user and works everywhere.

    Raises:
        ValueError: If it cannot be run that way for so long.
    """
    if mode not in {"auto", "sync", "stream", "async"}:
        raise ValueError(f"mode must be auto, sync, stream or async, not {mode!r}")
    if max_seconds is not None and not 0 < max_seconds <= _LONGEST:
        raise ValueError(f"max_seconds must be more than 0 and at most {_LONGEST}, a day")
    if mode == "auto":
        return "async" if max_seconds is not None and max_seconds > _STREAM_SECONDS else "stream"
    bound = {"sync": _SYNC_SECONDS, "stream": _STREAM_SECONDS, "async": _LONGEST}[mode]
    if max_seconds is not None and max_seconds > bound:
        raise ValueError(f"mode {mode!r} ends after {bound} seconds; leave the mode to 'auto'")
    return mode


def run(
    *,
    workflow_id: str,
    parameters: Mapping[str, object] | None = None,
    mode: RunMode = "auto",
    max_seconds: float | None = None,
    bot_id: str | None = None,
    app_id: str | None = None,
    ext: Mapping[str, str] | None = None,
    workflow_version: str | None = None,
    connector_id: str | None = None,
) -> StreamRequest | Flow[WorkflowRun]:
    """Run a workflow and wait for what comes of it.

    The server drops a blocking run after 90 seconds, and any but an asynchronous one after
    ten minutes: `auto` streams, which has none of the first bound and works everywhere, and
    runs asynchronously what may take longer than ten minutes.

    Args:
        workflow_id: The workflow; it has to be published.
        parameters: Its inputs, by name; files (`Path`, bytes, open files) are uploaded.
        mode: `auto`, `sync`, `stream` or `async` (which needs a paid plan).
        max_seconds: How long it may take; ten minutes if None, a day at most.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
        ext: `latitude`, `longitude` and `user_id`, as text.
        workflow_version: A version such as `v0.0.5`; the newest if None.
        connector_id: The channel; 1024, the API, if None.

    Returns:
        The run: completed, or interrupted, with what it asks in `interrupt`.

    Raises:
        ValueError: Something cannot be sent.
        WorkflowFailedError: The run failed.
        CozeError: The server refused.

    Example:
        >>> client.workflows.run(
        ...     workflow_id="7389", parameters={"city": "Paris"}
        ... ).value  # doctest: +SKIP

    Protocol: section 6.6.
    """
    chosen = chosen_mode(mode, max_seconds)
    body = run_body(workflow_id, parameters, bot_id, app_id, ext, workflow_version, connector_id)
    if chosen == "stream":
        return _stream_call(STREAM, body, max_seconds, with_uploads)
    if chosen == "sync":
        return _run_now(workflow_id, body)
    return _run_async(workflow_id, body, _LONGEST if max_seconds is None else max_seconds)


def resume(
    *,
    workflow_id: str,
    interrupt: Interrupt,
    data: object,
    mode: RunMode = "auto",
    max_seconds: float | None = None,
    ext: Mapping[str, str] | None = None,
    connector_id: str | None = None,
) -> StreamRequest | Flow[WorkflowRun]:
    """Answer a run that waits, and wait for what comes of it.

    Args:
        workflow_id: The workflow.
        interrupt: What it waits for; `Interrupt(event_id=..., type=...)` if only those are
            known.
        data: The answer: text, or the values of an input node by name; files are uploaded.
        mode: `auto` and `stream` stream; `sync` waits for one reply; a run that was started
            asynchronously goes on so, and `async` waits for it.
        max_seconds: How long it may take; as for `run`.
        ext: As for `run`.
        connector_id: As for `run`.

    Returns:
        The run: completed, or interrupted once more.

    Raises:
        ValueError: Something cannot be sent.
        WorkflowFailedError: The run failed.
        CozeError: The server refused, for example because this was answered before.

    Example:
        >>> client.workflows.resume(
        ...     workflow_id="7389", interrupt=run.interrupt, data="Paris"
        ... )  # doctest: +SKIP

    Protocol: section 6.6.
    """
    chosen = chosen_mode(mode, max_seconds)
    body = resume_body(workflow_id, interrupt, data, ext, connector_id)
    if chosen == "stream":
        return _stream_call(STREAM_RESUME, body, max_seconds, prepared_answer)
    return _resume_now(workflow_id, body, _LONGEST if max_seconds is None else max_seconds)


def start(
    *,
    workflow_id: str,
    parameters: Mapping[str, object] | None = None,
    bot_id: str | None = None,
    app_id: str | None = None,
    ext: Mapping[str, str] | None = None,
    workflow_version: str | None = None,
    connector_id: str | None = None,
) -> Flow[WorkflowRun]:
    """Start a workflow and return at once; it may take a day. Needs a paid plan.

    Args:
        workflow_id: The workflow; it has to be published.
        parameters: Its inputs, by name; files (`Path`, bytes, open files) are uploaded.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
        ext: `latitude`, `longitude` and `user_id`, as text.
        workflow_version: A version such as `v0.0.5`; the newest if None.
        connector_id: The channel; 1024, the API, if None.

    Returns:
        The run, with its `execute_id`; pass that to `wait` or `execution`.

    Raises:
        PermissionDeniedError: The account's plan has no asynchronous runs (code 6003).
        CozeError: The server refused.

    Example:
        >>> run = client.workflows.start(workflow_id="7389")  # doctest: +SKIP
        >>> client.workflows.wait(workflow_id="7389", execute_id=run.execute_id)  # doctest: +SKIP

    Protocol: section 6.6.
    """
    body = run_body(workflow_id, parameters, bot_id, app_id, ext, workflow_version, connector_id)
    return (yield from _start(workflow_id, body))


def wait(
    *,
    workflow_id: str,
    execute_id: str,
    timeout: float = 3600,
    clock: Callable[[], float] = time.monotonic,
) -> Flow[WorkflowRun]:
    """Wait for an asynchronous run.

    Args:
        workflow_id: The workflow.
        execute_id: The run.
        timeout: Seconds to wait at most.
        clock: Seconds that only grow.

    Returns:
        The run: completed, or interrupted.

    Raises:
        WorkflowFailedError: It failed.
        PollTimeoutError: It goes on after that time; nothing is cancelled.
        CozeError: The server refused.

    Example:
        >>> client.workflows.wait(workflow_id="7389", execute_id="7431").value  # doctest: +SKIP

    Protocol: section 6.6.
    """
    found = yield from poll_until(
        lambda: execution(workflow_id=workflow_id, execute_id=execute_id),
        lambda each: each.ended,
        clock=clock,
        deadline=clock() + timeout,
    )
    if found is None:
        raise PollTimeoutError(
            f"the run {execute_id} goes on after {timeout:g} seconds",
            hint_en="Call wait() again; an asynchronous run may take a day.",
            hint_zh="可再次调用 wait()；异步运行最长 24 小时。",
        )
    return _unless_failed(WorkflowRun.from_execution(workflow_id, found))


def stream(
    *,
    workflow_id: str,
    parameters: Mapping[str, object] | None = None,
    bot_id: str | None = None,
    app_id: str | None = None,
    ext: Mapping[str, str] | None = None,
    workflow_version: str | None = None,
    connector_id: str | None = None,
    deadline: float | None = None,
) -> StreamRequest:
    """Run a workflow and stream what its nodes give out; for at most ten minutes.

    Args:
        workflow_id: The workflow; it has to be published.
        parameters: Its inputs, by name; files (`Path`, bytes, open files) are uploaded.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
        ext: `latitude`, `longitude` and `user_id`, as text.
        workflow_version: A version such as `v0.0.5`; the newest if None.
        connector_id: The channel; 1024, the API, if None.
        deadline: Seconds for all of it, or None for no bound but the gap between reads.

    Returns:
        A stream of events, which is also a context manager. Leaving it early does not stop the
        run: the API has no way to cancel one.

    Raises:
        ValueError: Something cannot be sent.
        CozeError: On entering: the server refused. While iterating: the run failed.

    Example:
        >>> with client.workflows.stream(workflow_id="7389") as stream:  # doctest: +SKIP
        ...     for piece in stream.text():
        ...         print(piece, end="")

    Protocol: section 3.9.
    """
    body = run_body(workflow_id, parameters, bot_id, app_id, ext, workflow_version, connector_id)
    return _stream_call(STREAM, body, deadline, with_uploads)


def stream_resume(
    *,
    workflow_id: str,
    interrupt: Interrupt,
    data: object,
    ext: Mapping[str, str] | None = None,
    connector_id: str | None = None,
    deadline: float | None = None,
) -> StreamRequest:
    """Answer a run that waits, and stream the rest of it.

    Args:
        workflow_id: The workflow.
        interrupt: What it waits for; `Interrupt(event_id=..., type=...)` if only those are known.
        data: The answer: text, or the values of an input node by name; files are uploaded.
        ext: As for `stream`.
        connector_id: As for `stream`.
        deadline: Seconds for all of it, or None for no bound but the gap between reads.

    Returns:
        A stream of events, which is also a context manager.

    Raises:
        ValueError: Something cannot be sent.
        CozeError: On entering: the server refused, for example because this was answered before.

    Example:
        >>> with client.workflows.stream_resume(
        ...     workflow_id="7389", interrupt=run.interrupt, data="Paris"
        ... ) as stream:  # doctest: +SKIP
        ...     print(stream.until_done().text)

    Protocol: section 3.9.
    """
    body = resume_body(workflow_id, interrupt, data, ext, connector_id)
    return _stream_call(STREAM_RESUME, body, deadline, prepared_answer)


def _stream_call(
    path: str,
    body: dict[str, object],
    deadline: float | None,
    prepare: Callable[[Call], Flow[Call]],
) -> StreamRequest:
    call = Call("POST", path, json=body, stream=True)
    return StreamRequest(
        call, deadline=check_seconds("deadline", deadline), prepare=prepare, can_cancel=False
    )


def _run_now(workflow_id: str, body: dict[str, object]) -> Flow[WorkflowRun]:
    call = Call("POST", RUN, json=body, patience=_SYNC_SECONDS + 10)
    reply = yield from send((yield from with_uploads(call)))
    return _unless_failed(WorkflowRun.from_reply(workflow_id, reply))


def _start(workflow_id: str, body: dict[str, object]) -> Flow[WorkflowRun]:
    call = Call("POST", RUN, json={**body, "is_async": True})
    reply = yield from send((yield from with_uploads(call)))
    return _unless_failed(WorkflowRun.from_reply(workflow_id, reply))


def _run_async(workflow_id: str, body: dict[str, object], timeout: float) -> Flow[WorkflowRun]:
    started = yield from _start(workflow_id, body)
    return (yield from _outcome(started, timeout))


def _resume_now(workflow_id: str, body: dict[str, object], timeout: float) -> Flow[WorkflowRun]:
    call = Call("POST", RESUME, json=body, patience=_SYNC_SECONDS + 10)
    reply = yield from send((yield from prepared_answer(call)))
    resumed = _unless_failed(WorkflowRun.from_reply(workflow_id, reply))
    return (yield from _outcome(resumed, timeout))


def _outcome(run: WorkflowRun, timeout: float) -> Flow[WorkflowRun]:
    if run.over:
        return run
    ids = run.workflow_id, run.execute_id
    return (yield from wait(workflow_id=ids[0], execute_id=ids[1], timeout=timeout))


def _unless_failed(run: WorkflowRun) -> WorkflowRun:
    if run.error is not None:
        raise run.error
    return run
