"""`coze chat`: once, in pipes, as JSON, and in a terminal."""

import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from coze_core.emulator import Bot, Card, Delta, Emulator, Fault, FollowUp, Pause, ServerTool


def lines_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


# -- once


def test_a_message_is_answered_on_stdout_and_the_rest_stands_on_stderr(coze):
    done = coze("chat", "-m", "What is 2 + 3?")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "2 + 3 = 5\n"
    assert "(thinking) Let me work that out." in done.stderr
    assert re.search(r"\[first token \d+ ms; total \d+ ms; 11 tokens in, 11 out\]", done.stderr)


def test_quiet_leaves_the_answer_alone(coze):
    done = coze("chat", "-q", "-m", "What is 2 + 3?")
    assert (done.stdout, done.stderr) == ("2 + 3 = 5\n", "")


def test_piped_text_is_the_message(coze, emulator):
    done = coze("chat", input="What is\n4 * 5?\n")
    assert done.stdout == "4 * 5 = 20\n"
    sent = emulator.requests.to("/v3/chat")[0].json["additional_messages"]
    assert sent[0]["content"] == "What is\n4 * 5?\n"


def test_follow_ups_and_tools_of_the_server_are_shown(coze, emulator):
    async def bot(messages, context):
        yield ServerTool("weather-now", {"city": "Paris"}, "sunny")
        yield "It is sunny."
        yield Card('{"a": 1}')
        yield FollowUp("And tomorrow?")

    made = emulator.add_bot(Bot("tools", bot))
    done = coze("chat", "--bot", made.id, "-m", "hi")
    assert done.stdout == "It is sunny.\n"
    assert 'weather-now({"city": "Paris"})' in done.stderr
    assert "[tool] <- sunny" in done.stderr
    assert '[card] {"a": 1}' in done.stderr
    assert "[you might ask] And tomorrow?" in done.stderr


def test_markdown_is_rendered_if_wanted(coze, emulator):
    async def bot(messages, context):
        yield "# Title\n\n* one"

    made = emulator.add_bot(Bot("markdown", bot))
    assert coze("chat", "--bot", made.id, "-m", "x").stdout == "# Title\n\n* one\n"
    rendered = coze("chat", "--bot", made.id, "-m", "x", "--markdown").stdout
    assert "Title" in rendered
    assert "# Title" not in rendered
    assert "• one" in rendered


def test_the_text_of_an_answer_is_piped_on_as_it_is(coze, emulator):
    async def bot(messages, context):
        yield "a\tb\r\n  [bold]c[/bold] 中"

    made = emulator.add_bot(Bot("text", bot))
    done = coze("chat", "--bot", made.id, "-m", "x")
    assert done.stdout_bytes.decode() == "a\tb\r\n  [bold]c[/bold] 中\n"


def test_files_go_with_the_message(coze, emulator, tmp_path):
    for name in ("cat.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"content")
    files = ("-f", str(tmp_path / "cat.png"), "-f", str(tmp_path / "notes.txt"))
    done = coze("chat", "-m", "What is this?", *files)
    assert done.stdout == "I was given: image, file.\n"
    assert len(emulator.requests.to("/v1/files/upload")) == 2


def test_a_conversation_is_gone_on_with(coze):
    first = lines_of(coze("chat", "--json", "-m", "My name is Ada."))[-1]
    done = coze("chat", "-c", first["conversation_id"], "-m", "What is my name?")
    assert done.stdout == "Your name is Ada.\n"


def test_the_draft_of_a_bot_is_talked_to(coze, emulator):
    bot = emulator.bot_id("unpublished")
    assert coze("chat", "--bot", bot, "-m", "hi").exit_code == 1
    assert coze("chat", "--bot", bot, "-m", "hi", "--draft").stdout == "hi\n"


def test_the_user_is_who_the_environment_says(coze, emulator, monkeypatch):
    monkeypatch.setenv("COZE_USER_ID", "from-environment")
    coze("chat", "-m", "hi")
    coze("chat", "-m", "hi", "--user", "from-option")
    users = [request.json["user_id"] for request in emulator.requests.to("/v3/chat")]
    assert users == ["from-environment", "from-option"]


# -- local tools


def test_a_local_tool_is_answered_by_an_option(coze):
    done = coze("chat", "-m", "What is the weather in Paris?", "--tool-output", "get_weather=sun")
    assert done.exit_code == 0
    assert done.stdout == "Here is what I found: sun\n"
    assert '[tool] get_weather({"city": "Paris"}) = sun' in done.stderr
    assert "<- sun" not in done.stderr


def test_a_local_tool_that_nobody_answers_is_an_error(coze):
    done = coze("chat", "-m", "What is the weather in Paris?")
    assert done.exit_code == 1
    assert 'waits for the output of get_weather({"city": "Paris"})' in done.stderr
    assert "--tool-output" in done.stderr


# -- JSON


def test_json_has_an_object_for_each_event_and_one_for_the_turn(coze):
    done = coze("chat", "--json", "-m", "我叫小明")
    events = lines_of(done)
    assert done.stderr == ""
    assert events[0]["event"] == "chat"
    text = "".join(event["text"] for event in events if event["event"] == "text")
    turn = events[-1]
    assert turn["event"] == "turn"
    assert turn["answer"] == text == "很高兴认识你，小明！"
    assert turn["follow_ups"] == ["我叫什么名字？"]
    assert turn["status"] == "completed"
    assert turn["usage"]["total_tokens"] > 0
    assert turn["conversation_id"] == events[0]["conversation_id"]
    assert 0 < turn["first_token_seconds"] <= turn["seconds"]
    assert turn["log_id"]


def test_json_tells_of_pending_calls_and_fails(coze):
    done = coze("chat", "--json", "-m", "What is the weather in Paris?")
    assert done.exit_code == 1
    (call,) = lines_of(done)[-1]["tool_calls"]
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})


def test_json_tells_of_an_error_in_both_languages(coze, emulator):
    done = coze("chat", "--json", "--bot", emulator.bot_id("unpublished"), "-m", "hi")
    (error,) = lines_of(done)
    assert done.exit_code == 1
    assert error["event"] == "error"
    assert error["code"] == 4015
    assert "Publish" in error["hint_en"]
    assert "发布" in error["hint_zh"]


# -- what goes wrong


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["-m", "hi", "--token", "pat_of_somebody"], 1), (["-m", " "], 2)],
)
def test_an_error_leaves_the_process_without_a_traceback(process, arguments, status):
    done = process("chat", *arguments)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["-m", "hi", "--token", "pat_of_somebody"], 1, "code 4101"),
        (["-m", "hi", "--bot", "1"], 1, "code 4200"),
        (["-m", "hi", "--base-url", "http://127.0.0.1:9"], 1, "the connection to 127.0.0.1"),
        (["-m", "hi", "--base-url", "nonsense"], 2, "base_url must begin with"),
        (["-m", "hi", "--region", "eu"], 2, "region must be one of"),
        (["-m", "hi", "--token", "Bearer pat_x"], 2, "'Bearer'"),
        (["-m", " "], 2, "the message is empty"),
        (["-m", "hi", "--file", "/nowhere"], 2, "there is no file"),
        (["-m", "hi", "--tool-output", "x"], 2, "NAME=TEXT"),
        (["--nonsense"], 2, "No such option"),
    ],
)
def test_an_error_is_one_line(coze, arguments, status, says):
    done = coze("chat", *arguments)
    assert done.exit_code == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "pat_of_somebody" not in done.stderr
    if says != "No such option":
        assert len(done.stderr.splitlines()) == 1


def test_an_error_has_its_code_log_id_and_hints(coze):
    told = coze("chat", "-m", "hi", "--token", "pat_wrong").stderr
    assert re.search(r"\(code 4101, logid \w+\)", told)
    assert "Check COZE_API_TOKEN" in told
    assert "请检查 COZE_API_TOKEN" in told


@pytest.mark.parametrize("missing", ["COZE_API_TOKEN", "COZE_BOT_ID"])
def test_missing_settings_are_named(coze, monkeypatch, missing):
    monkeypatch.delenv(missing)
    done = coze("chat", "-m", "hi")
    assert done.exit_code == 2
    assert missing in done.stderr


def test_a_broken_stream_shows_what_came_and_fails(coze, emulator):
    emulator.faults.add(Fault(cut_after=2000), path="/v3/chat")
    done = coze("chat", "-m", "hello")
    assert done.exit_code == 1
    assert done.stdout.startswith("You")
    assert "error: " in done.stderr


# -- in a terminal


class Terminal:
    """`coze` in a terminal of its own."""

    def __init__(self, *arguments, env=None):
        self.main, side = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "coze_core.cli", *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            env={**os.environ, "TERM": "dumb", **(env or {})},
            start_new_session=True,
        )
        os.close(side)
        self.text = ""

    def until(self, wanted):
        """Read until the text is there; it is used up to there."""
        while wanted not in self.text:
            block = os.read(self.main, 4096)
            assert block, self.text
            self.text += block.decode("utf-8", "replace")
        before, _, self.text = self.text.partition(wanted)
        return before

    def type(self, text):
        os.write(self.main, text.encode())

    def interrupt(self):
        os.kill(self.process.pid, signal.SIGINT)

    def end(self):
        code = self.process.wait(timeout=60)
        os.close(self.main)
        return code


@pytest.fixture
def terminal():
    made = []

    def start(*arguments, **options):
        made.append(Terminal(*arguments, **options))
        return made[-1]

    yield start
    for started in made:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()


def test_a_conversation_in_a_terminal_remembers(terminal, tmp_path):
    (tmp_path / "cat.png").write_bytes(b"image")
    talk = terminal("chat")
    talk.until("> ")
    talk.type("My name is Ada.\n")
    talk.until("Nice to meet you, Ada!")
    talk.until("> ")
    talk.type("What is my name?\n")
    talk.until("Your name is Ada.")
    talk.until("> ")
    talk.type("/new\n")
    talk.until("> ")
    talk.type("What is my name?\n")
    talk.until("You have not told me your name yet.")
    talk.until("> ")
    talk.type(f"/file {tmp_path / 'cat.png'}\n")
    talk.until("> ")
    talk.type("What is this?\n")
    talk.until("I was given: image.")
    talk.until("> ")
    talk.type("/nonsense\n")
    talk.until("there is no /nonsense")
    talk.until("> ")
    talk.type("/file /nowhere\n")
    talk.until("there is no file")
    talk.until("> ")
    talk.type("/help\n")
    talk.until("/quit")
    talk.until("> ")
    talk.type("/quit\n")
    assert talk.end() == 0


def test_the_user_is_asked_for_a_local_tools_output(terminal):
    talk = terminal("chat")
    talk.until("> ")
    talk.type("What is the weather in Paris?\n")
    talk.until('get_weather({"city": "Paris"})')
    talk.until("output")
    talk.type("snow\n")
    talk.until("Here is what I found: snow")
    talk.until("> ")
    talk.type("\x04")
    assert talk.end() == 0


def test_ctrl_c_cancels_the_chat_and_keeps_the_conversation(terminal):
    async def counting(messages, context):
        if messages[-1].text == "count":
            for number in range(10_000):
                yield Delta(f"{number} ")
                yield Pause(0.01)
        yield f"Heard {sum(m.role == 'user' for m in messages)}."

    with Emulator(bots=[Bot("counting", counting)]) as emulator:
        env = {"COZE_API_BASE": emulator.base_url, "COZE_BOT_ID": emulator.bot_id("counting")}
        talk = terminal("chat", env=env)
        talk.until("> ")
        talk.type("count\n")
        talk.until("2 3 ")
        talk.interrupt()
        talk.until("cancelled")
        talk.until("> ")
        assert len(emulator.requests.to("/v3/chat/cancel")) == 1
        talk.type("again\n")
        talk.until("Heard")
        first, second = emulator.requests.to("/v3/chat")
        assert not first.query.get("conversation_id")
        assert second.query["conversation_id"]
        talk.until("> ")
        talk.type("/quit\n")
        assert talk.end() == 0


def test_ctrl_c_of_a_single_question_cancels_it_and_exits_130(emulator):
    command = [sys.executable, "-m", "coze_core.cli", "chat", "-m", "count"]
    started = subprocess.Popen(
        [*command, "--bot", emulator.bot_id("slow")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout.read(2)
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "cancelled" in told.decode()
    assert "Traceback" not in told.decode()
    assert len(emulator.requests.to("/v3/chat/cancel")) == 1


def test_an_error_does_not_end_a_conversation(terminal, emulator):
    emulator.faults.add(Fault(code=4028), path="/v3/chat")
    talk = terminal("chat")
    talk.until("> ")
    talk.type("hello\n")
    talk.until("code 4028")
    talk.until("> ")
    talk.type("hello\n")
    talk.until("That was message number 1.")
    talk.until("> ")
    talk.type("/quit\n")
    assert talk.end() == 0


def test_control_characters_do_not_reach_the_terminal(terminal, emulator):
    async def bot(messages, context):
        yield "a\x1b]0;title\x07b\x1b[31mc"

    made = emulator.add_bot(Bot("escapes", bot))
    started = terminal("chat", "-q", "-m", "x", "--bot", made.id)
    started.until("a]0;titleb[31mc")
    assert started.end() == 0


def test_colours_only_where_they_are_wanted(terminal):
    for env, coloured in ({"TERM": "xterm-256color"}, True), ({"NO_COLOR": "1"}, False):
        started = terminal("chat", "-m", "hi", "--token", "pat_x", env={"TERM": "xterm"} | env)
        shown = started.until("code 4101")
        assert ("\x1b[1;31m" in shown) == coloured
        assert started.end() == 1
