"""`coze workflows`: run a workflow and show what comes of it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from coze_core._client import CozeClient
from coze_core._errors import CozeError
from coze_core._workflow_events import WorkflowMessage
from coze_core._workflow_models import Interrupt
from coze_core._workflow_run import WorkflowRun
from coze_core._workflow_streams import WorkflowStream
from coze_core.cli import _options as options
from coze_core.cli._access import access
from coze_core.cli._errors import error_json, report
from coze_core.cli._output import plain, say_json, stderr, write
from coze_core.cli._parameters import parameters_of

workflows = typer.Typer(help="Run workflows / 运行工作流.", no_args_is_help=True)


@workflows.callback()
def _group() -> None:
    """Make `run` a command of its own, though it is the only one."""


@workflows.command()
def run(
    id: Annotated[str, typer.Argument(metavar="ID", help="The workflow; it has to be published.")],
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=TEXT",
            help="An input; NAME:=JSON for other data, NAME=@FILE uploads a file; may be repeated.",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(metavar="JSON|@FILE", help="All inputs as one JSON object; @- is stdin."),
    ] = None,
    bot: Annotated[str | None, typer.Option(help="Use this bot's variables.")] = None,
    app: Annotated[str | None, typer.Option(help="The app it belongs to.")] = None,
    version: Annotated[str | None, typer.Option(help="A version, such as v0.0.5.")] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(help="Answers its next question with this text; may be repeated."),
    ] = None,
    as_json: options.JsonOption = False,
    token: options.TokenOption = None,
    base_url: options.BaseUrlOption = None,
    region: options.RegionOption = None,
    timeout: options.TimeoutOption = None,
) -> None:
    """Run a workflow / 运行工作流.

    Its output goes to stdout, what its nodes say on the way to stderr.
    """
    given = parameters_of(parameters, pairs or [])
    answers = _Answers(list(answer or []), ask=sys.stdin.isatty() and not as_json)
    with access(token, base_url, region).client(timeout) as client:
        stream = client.workflows.stream(
            workflow_id=id, parameters=given, bot_id=bot, app_id=app, workflow_version=version
        )
        try:
            done = _follow(client, stream, id, answers, as_json=as_json)
        except CozeError as error:
            if as_json:
                say_json(error_json(error))
            raise
    if done.interrupt is not None:
        report(
            f"the workflow asks: {done.interrupt.question or done.interrupt.data}: pass --answer / "
            f"工作流正在提问，请传入 --answer"
        )
        raise typer.Exit(1)


class _Answers:
    """The answers to a run's questions: those given beforehand, then the user's own."""

    def __init__(self, given: list[str], *, ask: bool) -> None:
        self._given = given
        self._ask = ask

    def to(self, interrupt: Interrupt) -> str | None:
        """Return the answer; None if there is none."""
        if self._given:
            return self._given.pop(0)
        if not self._ask:
            return None
        asked = interrupt.question or interrupt.data or ", ".join(interrupt.required_parameters)
        stderr().out(plain(asked), highlight=False)
        try:
            return input("answer / 回答: ")
        except EOFError:
            return None


def _follow(
    client: CozeClient, stream: WorkflowStream, id: str, answers: _Answers, *, as_json: bool
) -> WorkflowRun:
    """Show a run, with the answers to its questions, to its end."""
    while True:
        _show(stream, as_json=as_json)
        done = stream.run
        answer = None if done.interrupt is None else answers.to(done.interrupt)
        if done.interrupt is None or answer is None:
            break
        stream = client.workflows.stream_resume(
            workflow_id=id, interrupt=done.interrupt, data=answer
        )
    if as_json:
        say_json(_facts(done))
    elif done.interrupt is None:
        write(f"{done.text}\n")
    return done


def _show(stream: WorkflowStream, *, as_json: bool) -> None:
    """Show what the nodes say."""
    console = stderr()
    open_line = False
    with stream:
        for event in stream:
            if not isinstance(event, WorkflowMessage) or event.is_end or not event.content:
                continue
            if as_json:
                node = {"node": event.node_title, "text": event.content}
                say_json({"event": "message", **node})
                continue
            console.out(plain(event.content), style="dim", end="", highlight=False)
            open_line = not event.finished
            if event.finished:
                console.out("")
    if open_line:
        console.out("")


def _facts(done: WorkflowRun) -> dict[str, Any]:
    usage = done.usage
    waiting = done.interrupt
    return {
        "event": "run",
        "status": done.status,
        "output": done.value,
        "interrupt": None if waiting is None else waiting.model_dump(),
        "usage": None if usage is None else usage.model_dump(),
        "execute_id": done.execute_id or None,
        "debug_url": done.debug_url or None,
        "log_id": done.log_id,
    }
