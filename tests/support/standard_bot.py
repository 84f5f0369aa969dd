"""The bots that stand for a model when the standard suites run: rules instead of a network.

One has the suites' tools as local plugins, as Coze bots do; the other has none and writes its calls
as text, in the way it is told in the request.
"""

import json
import re

from coze_core.emulator import Bot, ToolCall
from coze_core.emulator._forms import filled_in, schemas_in

TOOLS = (
    "magic_function",
    "magic_function_no_args",
    "greeting_generator",
    "get_weather",
    "my_adder_tool",
    "unicode_customer",
    "random_image",
    "random_pdf",
    "color_picker",
)
_END_OF_INSTRUCTIONS = "If you need no tool, just answer."


def question_of(text):
    """What the user asks, without the description of tools before it."""
    return text.rsplit(_END_OF_INSTRUCTIONS, 1)[-1]


def forced_arguments(name, text):
    """Arguments for a tool that must be called, by its description if there is one."""
    for tool in schemas_in(text):
        if name not in TOOLS and tool.get("name") == name:
            return filled_in(tool["parameters"], "nothing")
    return {"input": 3}


def wanted_call(text):
    """The call that a question needs, as (name, arguments), or None."""
    question = question_of(text)
    if found := re.search(r"magic_function\((\d+)\)", question):
        return "magic_function", {"input": int(found.group(1))}
    if "magic_function_no_args()" in question:
        return "magic_function_no_args", {}
    if found := re.search(r"generate a (\w+) greeting", question):
        return "greeting_generator", {"answer_style": found.group(1).lower()}
    if found := re.search(r"weather in ([^?\n]+)\?", question):
        return "get_weather", {"location": found.group(1)}
    if found := re.search(r"customer named '(.+?)'", question):
        arguments = {"customer_name": found.group(1), "description": "a company"}
        return "unicode_customer", arguments
    if found := re.search(r"You must call the tool `(\w+)`", question):
        return found.group(1), forced_arguments(found.group(1), text)
    if "You must call one of the tools" in question and "3 + 4" not in question:
        return "magic_function", {"input": 3}
    return None


def json_answer(question):
    """The JSON that is asked for, or None."""
    for schema in schemas_in(question):
        if "properties" in schema:
            return json.dumps(filled_in(schema, "nothing"))
    if "JSON" in question:
        return json.dumps({"setup": "Why do cats purr?", "punchline": "They run on mice."})
    return None


def answer_to(question):
    """What is said when no tool is called."""
    return json_answer(question) or "Hello there, it is good to hear from a friend."


async def native(messages, context):
    if context.tool_results:
        yield "The tools said: " + "; ".join(result.output for result in context.tool_results)
        return
    question = messages[-1].text
    call = wanted_call(question)
    if call is not None:
        yield ToolCall(*call)
    else:
        yield answer_to(question)


async def in_text(messages, _):
    question = question_of(messages[-1].text)
    call = None if "<tool_result" in question else wanted_call(messages[-1].text)
    if call is not None:
        name, arguments = call
        written = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
        yield f"<tool_call>\n{written}\n</tool_call>"
    else:
        yield answer_to(question)


def standard_bots():
    return [
        Bot("standard", native, tools=TOOLS),
        Bot("standard-override", native, tools=TOOLS),
        Bot("toolless", in_text),
        Bot("toolless-override", in_text),
    ]
