"""Workflow tools that ask inside a step of the user's own workflow, whatever its state is."""

import asyncio
import json

import pytest
from llama_index.core.workflow import (
    Context,
    Event,
    JsonSerializer,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from pydantic import BaseModel, ConfigDict

from coze_core.emulator import Output
from coze_core.emulator import Workflow as CozeWorkflow
from llamaindex_coze import CozeQuestionEvent, CozeToolSpec

STREAM = "/v1/workflow/stream_run"
RESUME = "/v1/workflow/stream_resume"


class Trip(BaseModel):
    """A state with fields of its own, and no others."""

    model_config = ConfigDict(extra="forbid")

    steps_done: int = 0


class Begin(StartEvent):
    names: list[str]


class Ended(Event):
    pass


class Flow(Workflow):
    """Runs its tool for one name after the other."""

    def __init__(self, tool):
        super().__init__(timeout=20)
        self.tool = tool

    async def outputs(self, ctx, names):
        return [(await self.tool.acall(ctx=ctx, name=each)).content for each in names]


class Plain(Flow):
    @step
    async def go(self, ctx: Context, ev: Begin) -> StopEvent:
        said = await self.outputs(ctx, ev.names)
        await ctx.store.set("steps_done", await ctx.store.get("steps_done", 0) + 1)
        return StopEvent(result=said)


class Typed(Flow):
    @step
    async def go(self, ctx: Context[Trip], ev: Begin) -> StopEvent:
        said = await self.outputs(ctx, ev.names)
        async with ctx.store.edit_state() as state:
            state.steps_done += 1
        return StopEvent(result=said)


@pytest.fixture
def travel(emulator):
    reached = {"api_key": emulator.token, "base_url": emulator.base_url}

    def make(**options):
        id = emulator.workflow_id("travel")
        [tool] = CozeToolSpec(workflow_ids=[id], **reached, **options).to_tool_list()
        return tool

    return make


@pytest.fixture(params=[Plain, Typed])
def flow(request, travel):
    return request.param(travel())


async def answered(handler, times=1):
    asked = []
    async for event in handler.stream_events():
        if isinstance(event, CozeQuestionEvent):
            asked.append(event.prefix)
            for _ in range(times):
                handler.ctx.send_event(event.answer("Rome"))
    return await handler, asked


@pytest.mark.parametrize("times", [1, 2])
def test_a_step_waits_whatever_its_state_is_and_runs_nothing_twice(flow, emulator, times):
    async def main():
        handler = flow.run(names=["Ann", "Ben"])
        said, asked = await answered(handler, times)
        return said, asked, await handler.ctx.store.get("steps_done")

    said, asked, done = asyncio.run(main())
    assert said == ["Ann goes to Rome, Rome.", "Ben goes to Rome, Rome."]
    assert len(asked) == 4
    assert done == 1
    assert len(emulator.requests.to(STREAM)) == 2
    assert len(emulator.requests.to(RESUME)) == 4


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_step_that_waits_is_taken_up_again_in_another_process(flow, emulator, at):
    strict = JsonSerializer(allowed_types=[Begin, Trip])

    async def first():
        handler = flow.run(names=["Ann", "Ben"])
        asked = 0
        async for event in handler.stream_events():
            if isinstance(event, CozeQuestionEvent):
                asked += 1
                if asked == at:
                    kept = handler.ctx.to_dict(serializer=strict)
                    await handler.cancel_run()
                    return json.dumps(kept), event
                handler.ctx.send_event(event.answer("Rome"))
        raise AssertionError("nothing was asked")

    async def then(kept, asked):
        handler = flow.run(ctx=Context.from_dict(flow, json.loads(kept), serializer=strict))
        await asyncio.sleep(0.1)  # LlamaIndex begins the step once more, before an answer comes
        handler.ctx.send_event(asked.answer("Rome"))
        said, later = await answered(handler)
        return said, later, await handler.ctx.store.get("steps_done")

    kept, asked = asyncio.run(first())
    assert emulator.token not in kept
    said, later, done = asyncio.run(then(kept, asked))
    assert said == ["Ann goes to Rome, Rome.", "Ben goes to Rome, Rome."]
    assert (len(later), done) == (4 - at, 1)
    assert len(emulator.requests.to(STREAM)) == 2
    assert len(emulator.requests.to(RESUME)) == 4


def test_nothing_is_left_behind_when_the_step_has_ended(travel):
    class Asked(Flow):
        @step
        async def go(self, ctx: Context[Trip], ev: Begin) -> Ended:
            await self.outputs(ctx, ev.names)
            return Ended()

        @step
        async def end(self, ctx: Context[Trip], ev: Ended) -> StopEvent:
            self.ended.set()
            await asyncio.sleep(10)
            return StopEvent()

    async def main():
        flow = Asked(travel())
        flow.ended = asyncio.Event()
        handler = flow.run(names=["Ann"])

        async def answers():
            async for event in handler.stream_events():
                if isinstance(event, CozeQuestionEvent):
                    handler.ctx.send_event(event.answer("Rome"))

        task = asyncio.create_task(answers())
        await flow.ended.wait()
        kept = handler.ctx.to_dict()
        await handler.cancel_run()
        await task
        return kept["workers"]["go"]["collected_waiters"]

    assert asyncio.run(main()) == []


def test_where_nothing_can_wait_no_run_begins(travel, emulator):
    async def main():
        tool = travel()
        flow = Typed(tool)
        await tool.acall(ctx=Context(flow), name="Ann")

    with pytest.raises(ValueError, match="without ctx= and with on_question="):
        asyncio.run(main())
    assert not emulator.requests.to(STREAM)


def test_an_answer_that_comes_once_more_while_its_step_goes_on_is_left_to_it(travel):
    class Slow(Plain):
        async def outputs(self, ctx, names):
            said = await super().outputs(ctx, names)
            self.told.set()
            await self.go_on.wait()
            return said

    async def main():
        flow = Slow(travel())
        flow.told, flow.go_on = asyncio.Event(), asyncio.Event()
        handler = flow.run(names=["Ann"])
        last = None
        async for event in handler.stream_events():
            if isinstance(event, CozeQuestionEvent):
                handler.ctx.send_event(event.answer("Rome"))
                last = event
                if event.prefix.startswith("When"):
                    break
        await flow.told.wait()
        handler.ctx.send_event(last.answer("Oslo"))
        await asyncio.sleep(0.1)
        flow.go_on.set()
        return await handler, await handler.ctx.store.get("steps_done")

    assert asyncio.run(main()) == (["Ann goes to Rome, Rome."], 1)


def test_outside_of_a_step_a_tool_that_tells_nothing_may_have_a_context(emulator, travel):
    async def quiet(parameters, context):
        yield Output("done")

    id = emulator.workflow_id(emulator.add_workflow(CozeWorkflow("quiet", quiet, inputs={})).name)
    reached = {"api_key": emulator.token, "base_url": emulator.base_url}
    [tool] = CozeToolSpec(workflow_ids=[id], **reached).to_tool_list()
    assert asyncio.run(tool.acall(ctx=Context(Plain(tool)))).content == "done"
