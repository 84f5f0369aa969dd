"""`coze workflows run`: inputs, output, questions, as text and as JSON."""

import json

import pytest

from coze_core.emulator import Fault

RUN, RESUME = "/v1/workflow/stream_run", "/v1/workflow/stream_resume"


def stream(*events):
    """The bytes of a run."""
    blocks = [
        f"id: {number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        for number, (name, data) in enumerate(events)
    ]
    return Fault(status=200, body="".join(blocks).encode(), content_type="text/event-stream")


def said(text, title="Message", *, number=0, finished=True):
    return (
        "Message",
        {
            "content": text,
            "node_title": title,
            "node_seq_id": str(number),
            "node_is_finish": finished,
        },
    )


DONE = ("Done", {"debug_url": "https://www.coze.com/work_flow?execute_id=7"})
ASKS = ("Interrupt", {"interrupt_data": {"data": "", "event_id": "1/2", "type": 2}})


@pytest.fixture
def answers(emulator):
    """Let the server answer with these events."""

    def add(path, *events):
        emulator.faults.add(stream(*events), path=path)

    return add


def test_the_output_goes_to_stdout_and_the_rest_to_stderr(coze, answers):
    pieces = [said("Why", finished=False), said("?", number=1)]
    answers(RUN, *pieces, said('{"output":"because"}', ""), DONE)
    done = coze("workflows", "run", "7389")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "because\n"
    assert done.stderr == "Why?\n"


def test_inputs_are_text_data_and_files(coze, answers, emulator, tmp_path):
    (tmp_path / "cat.png").write_bytes(b"image")
    (tmp_path / "in.json").write_text('{"city": "Rome", "days": 1}')
    answers(RUN, said("{}", ""), DONE)
    done = coze(
        *("workflows", "run", "7389", "--parameters", f"@{tmp_path / 'in.json'}"),
        *("-p", "city=Paris = Lutetia", "-p", "days:=3", "-p", f"image=@{tmp_path / 'cat.png'}"),
    )
    assert done.exit_code == 0, done.stderr
    (sent,) = emulator.requests.to(RUN)
    given = sent.json["parameters"]
    assert (given["city"], given["days"]) == ("Paris = Lutetia", 3)
    assert json.loads(given["image"])["file_id"]
    assert sent.json["workflow_id"] == "7389"


def test_inputs_may_come_from_a_pipe(coze, answers, emulator):
    answers(RUN, said("{}", ""), DONE)
    coze("workflows", "run", "7389", "--parameters", "@-", input='{"a": 1}')
    assert emulator.requests.to(RUN)[0].json["parameters"] == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "city"], "NAME=TEXT"),
        (["-p", "n:=x"], "'n' is not JSON"),
        (["-p", "f=@/nowhere"], "there is no file"),
        (["--parameters", "{"], "--parameters is not JSON"),
        (["--parameters", "[1]"], "JSON object"),
        (["--parameters", "@/nowhere"], "there is no file"),
    ],
)
def test_inputs_written_wrongly_are_refused_before_anything_is_sent(
    coze, emulator, arguments, says
):
    done = coze("workflows", "run", "7389", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert not emulator.requests


def test_questions_are_answered(coze, answers, emulator):
    answers(RUN, said("Which city?", "Question"), ASKS)
    answers(RESUME, said('{"output":"sunny"}', ""), DONE)
    done = coze("workflows", "run", "7389", "--answer", "Paris")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "sunny\n"
    (sent,) = emulator.requests.to(RESUME)
    assert (sent.json["event_id"], sent.json["resume_data"]) == ("1/2", "Paris")


def test_a_question_that_nobody_answers_is_an_error(coze, answers):
    answers(RUN, said("Which city?", "Question"), ASKS)
    done = coze("workflows", "run", "7389")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "asks: Which city?" in done.stderr


def test_a_run_as_json_lines(coze, answers):
    answers(RUN, said("Why?"), said('{"output":"because"}', ""), DONE)
    told = [
        json.loads(line) for line in coze("workflows", "run", "7389", "--json").stdout.splitlines()
    ]
    assert told[0] == {"event": "message", "node": "Message", "text": "Why?"}
    assert told[-1]["event"] == "run"
    assert told[-1]["status"] == "completed"
    assert told[-1]["output"] == {"output": "because"}
    assert told[-1]["debug_url"].startswith("https://www.coze.com/")


def test_a_failed_run_is_an_error(coze, answers):
    for _ in range(2):
        answers(RUN, ("Error", {"error_code": 4000, "error_message": "Request parameter error"}))
    done = coze("workflows", "run", "7389")
    assert done.exit_code == 1
    assert "Request parameter error" in done.stderr
    told = coze("workflows", "run", "7389", "--json").stdout.splitlines()
    assert json.loads(told[-1])["code"] == 4000
