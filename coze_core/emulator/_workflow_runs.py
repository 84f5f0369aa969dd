"""Runs of workflows: parts become events, and answers go back in (protocol notes, section 3.9)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from coze_core._sse import encode_event
from coze_core.emulator._bots import Pause, tokens
from coze_core.emulator._http import Clock
from coze_core.emulator._profile import Profile
from coze_core.emulator._workflows import (
    Ask,
    Heartbeat,
    Output,
    Say,
    Workflow,
    WorkflowContext,
    WorkflowFail,
    WorkflowPart,
)

_SECONDS_TO_TELL: Final = 10.0  # of silence, after which a stream is sent a sign of life


class WorkflowExecution:
    """One run, while it works or waits and afterwards.

    Args:
        workflow: What runs.
        parameters: What it was given.
        context: What else it knows; has the run's id.
        mode: 0 blocking, 1 streamed, 2 asynchronous.
    """

    def __init__(
        self,
        workflow: Workflow,
        parameters: dict[str, Any],
        context: WorkflowContext,
        *,
        mode: int,
        clock: Clock,
        profile: Profile,
    ) -> None:
        if workflow.run is None:
            raise ValueError("a chatflow is talked to")
        self.workflow = workflow
        self.context = context
        self.mode = mode
        self.status = "Running"
        self.output = ""
        self.error: WorkflowFail | None = None
        self.asked: dict[str, Any] | None = None
        self.nodes: dict[str, dict[str, Any]] = {}
        self.created = self.updated = clock.seconds()
        self.spent = 0
        self._parts = workflow.run(parameters, context)
        self._clock = clock
        self._profile = profile
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def debug_url(self) -> str:
        """The page that shows what happened."""
        return (
            f"https://www.coze.com/work_flow?execute_id={self.context.execute_id}"
            f"&space_id=1&workflow_id={self.workflow.id}"
        )

    # -- from outside

    def start(self, answer: str | None = None) -> int:
        """Begin, or go on with an answer; return the position of the first new event."""
        position = len(self._events)
        self.status, self.asked = "Running", None
        self._task = asyncio.get_running_loop().create_task(self._work(answer))
        return position

    async def stretch(self) -> None:
        """Wait until the run has ended or waits."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def stop(self) -> None:
        """Stop for good."""
        if self._task is not None:
            self._task.cancel()

    async def events(self, position: int) -> AsyncIterator[bytes]:
        """Yield what is said from this position on, encoded, to the end of this stretch."""
        number = 0
        while True:
            while position < len(self._events):
                name, data = self._events[position]
                position += 1
                text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
                yield b"id: %d\n" % number + encode_event(name, text).replace(
                    b"event:", b"event: ", 1
                ).replace(b"\ndata:", b"\ndata: ", 1)
                number += 1
            if self._task is None or self._task.done():
                return
            try:
                await asyncio.wait_for(self._changed.wait(), _SECONDS_TO_TELL)
            except TimeoutError:
                yield b"event: PING\ndata: {}\n\n"

    def reply(self) -> dict[str, Any]:
        """Return the run as a blocking call tells of it."""
        found: dict[str, Any] = {"code": 0, "msg": "", "debug_url": self.debug_url}
        if self.asked is not None:
            return {**found, "interrupt_data": self.asked, "execute_id": self.context.execute_id}
        return {**found, "data": self.output, "usage": self._usage(), "token": 0, "cost": "0"}

    def record(self) -> dict[str, Any]:
        """Return the run as the list of runs tells of it."""
        studio = self._profile.is_studio
        id = self.context.execute_id
        error = self.error
        found: dict[str, Any] = {
            "execute_id": int(id) if studio else id,
            "execute_status": self.status,
            "bot_id": self.context.bot_id or "0",
            "connector_id": "1024",
            "connector_uid": self.context.user_id,
            "run_mode": self.mode,
            "log_id" if studio else "logid": self._clock.log_id(),
            "create_time": self.created,
            "update_time": self.updated,
            "output": json.dumps({"Output": self.output}, ensure_ascii=False),
            "token": str(self.spent),
            "cost": "0",
            "error_code": str(error.code) if error else "",
            "error_msg" if studio else "error_message": error.message if error else "",
            "debug_url": self.debug_url,
            "usage": self._usage(),
            "is_output_trimmed": False,
            "node_execute_status": {
                title: {
                    "node_id": node["node_id"],
                    "is_finish": node["is_finish"],
                    "node_execute_uuid": node["node_execute_uuid"],
                    "update_time": self.updated,
                }
                for title, node in self.nodes.items()
            },
        }
        return found if self.asked is None else {**found, "interrupt_data": self.asked}

    # -- at work

    async def _work(self, answer: str | None) -> None:
        try:
            await self._advance(answer)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a workflow may raise anything
            self._fail(WorkflowFail(5000, f"{type(error).__name__}: {error}"))
        finally:
            self.updated = self._clock.seconds()
            self._changed.set()

    async def _advance(self, answer: str | None) -> None:
        sent: str | None = answer
        while True:
            try:
                part = await self._parts.asend(sent)
            except StopAsyncIteration:
                self._end("")
                return
            sent = None
            if await self._take(part):
                return

    async def _take(self, part: WorkflowPart) -> bool:
        """Take a part; whether the run ends or waits with it."""
        match part:
            case Say():
                await self._say_text(part)
            case Pause():
                await asyncio.sleep(part.seconds)
            case Heartbeat():
                self._say("PING", {})
            case Ask():
                self._ask(part)
                return True
            case Output():
                self._end(part.value)
                return True
            case WorkflowFail():
                self._fail(part)
                return True
        return False

    async def _say_text(self, part: Say) -> None:
        pieces = tokens(part.text) or [""]
        node = self._node(part.title, part.text)
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            self._message(node, part.title, piece, number, finished=last)
            await asyncio.sleep(0)
        self.spent += len(pieces)

    def _node(self, title: str, text: str) -> dict[str, Any]:
        node = {
            "node_id": str(100000 + len(self.nodes)),
            "node_execute_uuid": secrets.token_hex(8),
            "is_finish": True,
            "output": text,
        }
        self.nodes[title] = node
        return node

    def _message(
        self, node: Mapping[str, Any], title: str, text: str, number: int, *, finished: bool
    ) -> None:
        data = {
            "content": text,
            "content_type": "text",
            "node_is_finish": finished,
            "node_seq_id": str(number),
            "node_title": title,
            "node_id": node["node_id"],
            "node_execute_uuid": node["node_execute_uuid"],
            "node_type": "End" if title == "End" else "Message",
        }
        if title == "End":
            data |= {"usage": self._usage(), "token": self.spent, "cost": "0"}
        self._say("Message", data)

    def _ask(self, part: Ask) -> None:
        if part.text:
            node = self._node(part.title, part.text)
            self._message(node, part.title, part.text, 0, finished=True)
        asked: dict[str, Any] = {
            "data": part.data,
            "event_id": f"{self.context.execute_id}/{self._clock.new_id()}",
            "type": part.type,
        }
        if part.required:
            asked["required_parameters"] = {
                name: each.wire() for name, each in part.required.items()
            }
        self.asked = asked
        named = {"debug_url": self.debug_url} if self._profile.is_studio else {}
        title = {} if self._profile.is_studio else {"node_title": part.title}
        self._say("Interrupt", {"interrupt_data": asked, **title, **named})

    def _end(self, value: Mapping[str, object] | str) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        self.output, self.status = text, "Success"
        self._message(self._node("End", text), "End", text, 0, finished=True)
        self._say("Done", {"debug_url": self.debug_url} if self._profile.is_studio else {})

    def _fail(self, failure: WorkflowFail) -> None:
        self.status, self.error = "Fail", failure
        self._say("Error", {"error_code": failure.code, "error_message": failure.message})

    def _usage(self) -> dict[str, int]:
        return {"input_count": 1, "output_count": self.spent, "token_count": self.spent + 1}

    def _say(self, name: str, data: dict[str, Any]) -> None:
        self._events.append((name, data))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
