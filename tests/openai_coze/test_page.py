"""The page at `/`, in a headless browser."""

import chromium
import httpx
import pytest
from serving import KEY

from coze_core.emulator import Bot, Fail, ToolCall
from openai_coze import create_app

browser = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="there is no Chromium on this machine (package chromium)"
)


async def calls_two(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(f"{r.name}={r.output}" for r in context.tool_results)
        return
    yield ToolCall("get_weather", {"city": "Paris"})
    yield ToolCall("get_time", {"city": "Paris"})


async def breaks(messages, context):
    yield "so far <b>bold</b>"
    yield Fail(5000, "event interval error")


@pytest.fixture
def url(serve, settings_for, emulator):
    emulator.add_bot(Bot("calls_two", calls_two, tools=("get_weather", "get_time")))
    emulator.add_bot(Bot("breaks", breaks))
    bots = ("assistant", "calls_two", "breaks", "slow")
    return serve(create_app(settings_for(*bots, pass_through=False)))


@pytest.fixture
def tab(url, tmp_path):
    with chromium.tab(tmp_path) as opened:
        opened.open(url)
        opened.run(f"document.getElementById('key').value = {KEY!r}")
        opened.run("loadModels()")
        yield opened


def say(tab, model, text, *, until_done=True):
    tab.run(f"$('model').value = {model!r}; $('text').value = {text!r}; $('send').click()")
    if until_done:
        tab.wait("!running && document.querySelector('article:last-child .facts')")


def test_the_page_may_load_nothing_from_elsewhere(url):
    reply = httpx.get(url)
    assert reply.headers["content-type"].startswith("text/html")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "https://" not in reply.text
    assert "http://" not in reply.text


def test_the_page_can_be_switched_off(serve, settings_for):
    assert httpx.get(serve(create_app(settings_for("echo", page=False)))).status_code == 404


@browser
def test_a_bot_is_talked_to(tab, url):
    assert tab.run("[...$('model').options].map((o) => o.value)")[0] == "assistant"
    say(tab, "assistant", "My name is Ada.")
    say(tab, "assistant", "What is my name?")
    assert tab.run("document.querySelector('article:last-child .answer').textContent") == (
        "Your name is Ada."
    )
    assert "our conversation" in tab.run(
        "document.querySelector('article:last-child .thought').textContent"
    )
    facts = tab.run("document.querySelector('article:last-child .facts').textContent")
    assert "first token" in facts
    assert "tokens" in facts
    assert "logid" in facts
    timeline = tab.run("[...$('timeline').children].map((line) => line.textContent)")
    assert "HTTP 200" in timeline[0]
    assert timeline[-1].endswith("[DONE]")
    assert any("chat.completion.chunk" in line for line in timeline)
    assert tab.problems == []
    assert all(asked.startswith((url, "data:")) for asked in tab.requests)


@browser
def test_a_follow_up_is_asked_with_a_click(tab):
    say(tab, "assistant", "My name is Ada.")
    tab.run("document.querySelector('.next button').click()")
    tab.wait("!running && document.querySelectorAll('.facts').length === 2")
    assert "Ada" in tab.run("document.querySelector('article:last-child .answer').textContent")


@browser
def test_results_of_tools_are_typed_in(tab):
    say(tab, "calls_two", "How is it in Paris?")
    calls = tab.run("[...document.querySelectorAll('.call')].map((c) => c.textContent)")
    assert calls == ['get_weather({"city": "Paris"})', 'get_time({"city": "Paris"})']
    tab.run("document.querySelectorAll('.call input').forEach((f, i) => { f.value = `r${i}`; })")
    tab.run("document.querySelector('.results').click()")
    tab.wait("!running && document.querySelectorAll('.facts').length === 2")
    assert tab.run("document.querySelector('article:last-child .answer').textContent") == (
        "So: get_weather=r0, get_time=r1"
    )


@browser
def test_an_answer_is_stopped_and_errors_are_shown_as_text(tab):
    say(tab, "slow", "Count.", until_done=False)
    tab.wait("document.querySelector('article:last-child .answer')?.textContent.length > 0")
    tab.run("$('stop').click()")
    tab.wait("!running")
    assert tab.run("document.querySelector('.error').textContent") == "stopped"
    say(tab, "breaks", "<img src=x>")
    assert "event interval error" in tab.run(
        "document.querySelector('article:last-child .error').textContent"
    )
    assert tab.run("document.querySelectorAll('article img, article b').length") == 0
    tab.run("$('key').value = 'wrong'; loadModels()")
    tab.wait("$('state').textContent")
    assert tab.run("$('model').options.length") == 0
