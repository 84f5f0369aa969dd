"""What models fill in for workflows, whatever the workflows call their inputs."""

import datetime as dt
import enum
import uuid
import warnings

import pytest
from pydantic import BaseModel, ValidationError

from coze_core import CozeClient, WorkflowParameter
from coze_core.dialog import arguments_model, parameters_of

ODD = (
    *("user name", "user_name", "user-name", "class", "中文", "_x", "x", "__", "1st", "a.b", ""),
    *("model_config", "model_fields", "schema", "copy", "json", "self", "config", "ctx", "runtime"),
    *("callbacks", "run_manager", "class_", "città", "😀"),
)


def test_every_name_of_an_input_is_one_that_can_be_filled_in():
    inputs = {name: WorkflowParameter(required=True) for name in ODD}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = arguments_model("odd", inputs)
    shown = model.model_json_schema()["properties"]
    assert len(shown) == len(ODD)
    assert {"user_name", "中文", "x", "class_", "città"} <= set(shown)
    filled = model.model_validate({name: f"for {number}" for number, name in enumerate(shown)})
    found = parameters_of(dict(filled), inputs)
    assert found == {name: f"for {number}" for number, name in enumerate(ODD)}
    own = {name: name for name in ODD}
    assert parameters_of(dict(model.model_validate(own)), inputs) == own  # people write these


def test_names_of_the_fields_of_objects_and_of_items_are_mapped_as_well():
    person = WorkflowParameter(
        type="object",
        properties={
            "first name": WorkflowParameter(required=True),
            "class": WorkflowParameter(type="integer"),
        },
    )
    inputs = {"all people": WorkflowParameter(type="array", items=person)}
    model = arguments_model("w", inputs)
    filled = model.model_validate({"all_people": [{"first_name": "Ann", "class_": "3"}]})
    assert parameters_of(dict(filled), inputs) == {
        "all people": [{"first name": "Ann", "class": 3}]
    }
    plain = {"all people": [{"first_name": "Ann"}]}  # a schema of the user's gives plain data
    assert parameters_of(plain, inputs) == {"all people": [{"first name": "Ann"}]}


def test_numbers_for_text_are_taken_and_numbers_that_json_has_not_are_refused():
    inputs = {"code": WorkflowParameter(), "size": WorkflowParameter(type="number")}
    model = arguments_model("w", inputs)
    assert model.model_validate({"code": 75001, "size": "1.5"}).model_dump() == {
        "code": "75001",
        "size": 1.5,
    }
    with pytest.raises(ValidationError):
        model.model_validate({"size": float("nan")})


def test_dates_and_the_like_of_a_schema_of_ones_own_become_text():
    class Kind(enum.Enum):
        BIG = "big"

    class Own(BaseModel):
        at: dt.datetime
        kind: Kind
        id: uuid.UUID

    id = uuid.uuid4()
    own = Own(at=dt.datetime(2026, 1, 31, 9, 30), kind=Kind.BIG, id=id)  # noqa: DTZ001
    found = parameters_of({**dict(own), "inner": own}, {})
    plain = {"at": "2026-01-31 09:30:00", "kind": "big", "id": str(id)}
    assert found == {**plain, "inner": plain}


def test_parameters_that_json_cannot_hold_are_refused_before_any_request(emulator):
    ring = []
    ring.append(ring)
    with CozeClient(emulator.token, base_url=emulator.base_url) as client:
        for bad in (float("nan"), float("inf"), [{"x": float("nan")}], ring):
            with pytest.raises(ValueError, match="parameter 'x'"):
                client.workflows.stream(workflow_id="1", parameters={"x": bad, "f": b"file"})
    assert not emulator.requests
