"""`coze workflows run`: inputs, output, questions, as text and as JSON."""

import json

import pytest

from coze_core.emulator import Ask, Fault, Output, Parameter, Say, Workflow

RUN, RESUME = "/v1/workflow/stream_run", "/v1/workflow/stream_resume"


@pytest.fixture
def add(emulator):
    """Add a workflow of a function and its inputs; returns its id."""

    def made(run, **inputs):
        return emulator.add_workflow(Workflow(run.__name__, run, inputs=inputs)).id

    return made


@pytest.fixture
def weather(emulator):
    return emulator.workflow_id("weather")


@pytest.fixture
def travel(emulator):
    return emulator.workflow_id("travel")


def lines_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_output_goes_to_stdout_and_the_rest_to_stderr(coze, add):
    async def why(parameters, context):
        yield Say("Why? ")
        yield Output({"output": "because"})

    done = coze("workflows", "run", add(why))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "because\n"
    assert done.stderr.strip() == "Why?"


def test_an_output_of_several_values_is_json(coze, weather):
    done = coze("workflows", "run", weather, "-p", "city=Paris", "-p", "days:=2")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["city"], len(found["forecast"])) == ("Paris", 2)
    assert "Looking up the weather in Paris." in done.stderr


def test_inputs_are_text_data_and_files(coze, add, emulator, tmp_path):
    async def inputs(parameters, context):
        yield Output({"city": parameters["city"], "days": parameters["days"]})

    id = add(inputs, city=Parameter(), days=Parameter("integer"), photo=Parameter("image"))
    (tmp_path / "cat.png").write_bytes(b"image")
    (tmp_path / "in.json").write_text('{"city": "Rome", "days": 1}')
    done = coze(
        *("workflows", "run", id, "--parameters", f"@{tmp_path / 'in.json'}"),
        *("-p", "city=Paris = Lutetia", "-p", "days:=3", "-p", f"photo=@{tmp_path / 'cat.png'}"),
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"city": "Paris = Lutetia", "days": 3}
    assert len(emulator.requests.to("/v1/files/upload")) == 1
    given = emulator.requests.to(RUN)[0].json["parameters"]
    assert json.loads(given["photo"])["file_id"]


def test_inputs_may_come_from_a_pipe(coze, weather, emulator):
    done = coze("workflows", "run", weather, "--parameters", "@-", input='{"city": "Rome"}')
    assert json.loads(done.stdout)["city"] == "Rome"


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


def test_questions_are_answered(coze, travel, emulator):
    done = coze("workflows", "run", travel, "--answer", "Paris", "--answer", "today")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "Somebody goes to Paris, today.\n"
    assert "Where do you want to go?" in done.stderr
    assert len(emulator.requests.to(RESUME)) == 2


def test_a_question_that_nobody_answers_is_an_error(coze, travel):
    done = coze("workflows", "run", travel, "--answer", "Paris")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "asks: When do you want to go to Paris?" in done.stderr
    told = lines_of(coze("workflows", "run", travel, "--json"))[-1]
    assert told["status"] == "interrupted"
    assert told["interrupt"]["question"] == "Where do you want to go?"


def test_a_run_as_json_lines(coze, add):
    async def twice(parameters, context):
        yield Say("Why?")
        answer = yield Ask("Who?")
        yield Output({"output": answer})

    *told, last = lines_of(coze("workflows", "run", add(twice), "--json", "--answer", "me"))
    assert {event["event"] for event in told} == {"message"}
    assert "".join(event["text"] for event in told).startswith("Why?")
    assert (last["event"], last["status"]) == ("run", "completed")
    assert last["output"] == {"output": "me"}


def test_a_refused_run_is_an_error(coze, weather):
    done = coze("workflows", "run", weather)
    assert done.exit_code == 1
    assert "city" in done.stderr
    done = coze("workflows", "run", "1", "--json")
    assert done.exit_code == 1
    assert lines_of(done)[-1]["event"] == "error"


def test_a_failed_run_is_an_error_with_its_code(coze, weather, emulator):
    failure = b'id: 0\nevent: Error\ndata: {"error_code":4000,"error_message":"Bad luck"}\n\n'
    fault = Fault(status=200, body=failure, content_type="text/event-stream")
    emulator.faults.add(fault, path=RUN, times=2)
    done = coze("workflows", "run", weather, "-p", "city=Rome")
    assert done.exit_code == 1
    assert "Bad luck" in done.stderr
    assert "code 4000" in done.stderr
    told = coze("workflows", "run", weather, "-p", "city=Rome", "--json")
    assert lines_of(told)[-1]["code"] == 4000
