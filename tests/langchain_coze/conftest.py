"""Models for the bots of a started emulator, and the four ways to ask them."""

import asyncio

import pytest
from framework_models import models_of

from coze_core.emulator import Workflow
from langchain_coze import ChatCoze, CozeWorkflowTool


@pytest.fixture
def make(emulator):
    """Makes a model for a bot, by name, or for an async function that is made a bot."""
    with models_of(ChatCoze, emulator) as model:
        yield model


@pytest.fixture
def model(make):
    return make()


async def _collected(model, *args, **kwargs):
    return [chunk async for chunk in model.astream(*args, **kwargs)]


def _merged(chunks):
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


WAYS = {
    "invoke": lambda model, *a, **k: model.invoke(*a, **k),
    "ainvoke": lambda model, *a, **k: asyncio.run(model.ainvoke(*a, **k)),
    "stream": lambda model, *a, **k: _merged(list(model.stream(*a, **k))),
    "astream": lambda model, *a, **k: _merged(asyncio.run(_collected(model, *a, **k))),
}


@pytest.fixture(params=list(WAYS))
def ask(request):
    """One of the four ways to ask a model for a message."""
    return WAYS[request.param]


@pytest.fixture
def tool_of(emulator):
    def make(name="weather", **options):
        if callable(name):
            workflow = Workflow(name.__name__, name, inputs=options.pop("inputs", {}))
            name = emulator.add_workflow(workflow).name
        return CozeWorkflowTool.from_workflow(
            emulator.workflow_id(name),
            api_key=emulator.token,
            base_url=emulator.base_url,
            **options,
        )

    return make
