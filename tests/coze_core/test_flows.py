"""Flows, fed by hand: retries, renewed tokens, polling, pages. No network."""

import json

import pytest

from coze_core import APITimeoutError, AuthenticationError, CozeError, RetryPolicy, TokenAuth
from coze_core._auth import authorized
from coze_core._call import Call, Reply, is_event_stream
from coze_core._flow import Exclusive, Send, Sleep, send
from coze_core._here import Surroundings
from coze_core._memo import Memo
from coze_core._models import Message
from coze_core._paging import Pages, _Walk
from coze_core._retry import retry_after_seconds, retrying
from coze_core._session import Session

GET = Call("GET", "/x", repeatable=True)
POST = Call("POST", "/x")
CLOUD = Surroundings("https://api.coze.com", "cloud", Memo())


def reply(body, status=200, **headers):
    return Reply(status, headers, json.dumps(body).encode())


def run(flow, *outcomes):
    """Drive a flow with these outcomes; return the steps it took and what came of it."""
    steps, queue = [], list(outcomes)
    try:
        step = next(flow)
        while True:
            steps.append(step)
            if isinstance(step, Exclusive):
                inner, _ = run(step.make(), *queue)
                steps += inner
                step = flow.send(None)
                continue
            outcome = None if isinstance(step, Sleep) else queue.pop(0)
            if isinstance(outcome, CozeError):
                step = flow.throw(outcome)
            else:
                step = flow.send(outcome)
    except StopIteration as stop:
        return steps, stop.value
    except CozeError as error:
        return steps, error


def policy(**options):
    now = [0.0]

    def clock():
        now[0] += 1
        return now[0]

    return RetryPolicy(clock=clock, rng=lambda: 1.0, **options)


def timeout(*, sent):
    error = APITimeoutError("slow")
    error.request_sent = sent
    return error


def test_backoff_grows_to_its_cap():
    many = RetryPolicy(rng=lambda: 1.0)
    assert [many.delay(n, None) for n in range(6)] == [0.5, 1, 2, 4, 8, 8]
    assert RetryPolicy(rng=lambda: 0.0).delay(0, None) == 0.25
    assert many.delay(0, 7.0) == 7.0


def test_a_repeatable_call_is_sent_again_after_any_passing_fault():
    faults = [timeout(sent=True), reply({"code": 4009}), reply({}, 503), reply({"code": 0})]
    steps, found = run(retrying(GET, policy(max_retries=3)), *faults)
    assert [type(step) for step in steps] == [Send, Sleep, Send, Sleep, Send, Sleep, Send]
    assert found.payload == {"code": 0}


@pytest.mark.parametrize(
    ("outcome", "sent_again"),
    [
        (timeout(sent=False), True),
        (timeout(sent=True), False),
        (reply({"code": 4020}), True),
        (reply({"code": 4013}), False),
        (reply({"code": 4016}), False),
        (reply({"code": 4028}), False),
        (reply({"code": 5000}), False),
        (reply({}, 429), True),
        (reply({}, 503), False),
    ],
)
def test_a_call_that_is_not_repeatable_is_sent_again_only_if_it_never_began(outcome, sent_again):
    steps, _ = run(retrying(POST, policy()), outcome, reply({"code": 0}))
    assert len([step for step in steps if isinstance(step, Send)]) == 1 + sent_again


def test_attempts_and_total_time_are_bounded():
    steps, found = run(retrying(GET, policy(max_retries=2)), *[timeout(sent=True)] * 9)
    assert len(steps) == 5
    assert isinstance(found, APITimeoutError)
    steps, found = run(retrying(GET, policy(max_retries=9, total=5)), *[timeout(sent=True)] * 9)
    assert len(steps) < 10


def test_retry_after_is_a_number_or_a_date():
    def error(value):
        found = run(retrying(GET, policy(max_retries=0)), reply({}, 429, **{"retry-after": value}))
        return found[1]

    assert retry_after_seconds(error("3"), 0) == 3
    assert retry_after_seconds(error("Thu, 01 Jan 1970 00:01:00 GMT"), 50) == 10
    assert retry_after_seconds(error("soon"), 0) is None


class Renewing:
    """A credential that is renewed by a request of its own."""

    refreshable = True

    def __init__(self, token):
        self.current = token

    def token(self):
        return self.current

    def refresh(self, stale):
        found = yield from send(Call("POST", "/token"))
        self.current = found.payload["token"]


def test_a_token_that_is_refused_is_renewed_once():
    auth = Renewing("old")
    outcomes = [reply({"code": 700012006}, 401), reply({"token": "new"}), reply({"code": 0})]
    flow = authorized(GET, auth, policy(), CLOUD)
    step = next(flow)
    assert step.call.headers["Authorization"] == "Bearer old"
    exclusive = flow.send(outcomes[0])
    assert isinstance(exclusive, Exclusive)
    run(exclusive.make(), outcomes[1])
    step = flow.send(None)
    assert step.call.headers["Authorization"] == "Bearer new"
    with pytest.raises(AuthenticationError):
        flow.send(outcomes[0])


def test_a_missing_token_is_fetched_first():
    auth = Renewing(None)
    flow = authorized(GET, auth, policy(), CLOUD)
    exclusive = next(flow)
    run(exclusive.make(), reply({"token": "new"}))
    assert flow.send(None).call.headers["Authorization"] == "Bearer new"


def test_a_session_signs_every_call_and_throws_errors_into_the_flow():
    def flow():
        with pytest.raises(CozeError):
            yield from send(POST)
        return (yield from send(GET)).payload

    steps, found = run(
        Session(TokenAuth("pat_x"), policy(), CLOUD).of(flow()),
        reply({"code": 4000}),
        reply({"code": 0}),
    )
    assert found == {"code": 0}
    assert {step.call.headers["Authorization"] for step in steps} == {"Bearer pat_x"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"code": "4000", "msg": "m"}, 200, 4000),
        ({"code": 4000}, 404, 4000),
        ({"error_code": "invalid_request", "error_message": "m"}, 400, -1),
        ({}, 418, None),
    ],
)
def test_errors_are_found_in_body_and_status(body, status, code):
    _, error = run(retrying(GET, policy(max_retries=0)), reply(body, status))
    assert isinstance(error, CozeError)
    assert (error.code, error.status_code) == (code, status)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"code": 0, "data": {"id": "1"}}, "1"),
        ({"data": {"id": 1}}, "1"),
        ({"message": {"id": "1"}, "code": 0}, "1"),
        ({"ChatV3ChatDetail": {"id": "1"}}, "1"),
        ({"ConversationData": {"id": "1"}, "code": 0, "BaseResp": None}, "1"),
    ],
)
def test_the_payload_is_found_wherever_it_stands(body, found):
    assert reply(body).read(Message).id == found


def test_lists_may_be_missing_and_studio_names_them_otherwise():
    assert reply({"code": 0}).read_list(Message) == []
    assert reply({"Messages": [{"id": "1"}], "code": 0}).read_list(Message)[0].id == "1"


def test_the_log_id_comes_from_the_body_then_from_the_headers():
    assert reply({"detail": {"logid": "a"}}, **{"x-tt-logid": "b"}).log_id == "a"
    assert reply({"detail": None}, **{"x-tt-logid": "b", "x-log-id": "c"}).log_id == "b"
    assert reply({}, **{"x-log-id": "c"}).log_id == "c"
    assert reply({}).log_id is None


@pytest.mark.parametrize(
    ("content_type", "head", "expected"),
    [
        ("text/event-stream", b"event:x", True),
        ("text/event-stream", b'{"code":1}', False),
        ("text/event-stream", b"\n\n", None),
        ("application/json", b"data:x", True),
        ("", b"\xef\xbb\xbfid: 0", True),
        ("", b"eve", None),
        ("", b"oops", False),
        ("text/html", b"<html>", False),
    ],
)
def test_streams_are_told_from_other_bodies(content_type, head, expected):
    assert is_event_stream(content_type, head) is expected


def walk(pages, *bodies):
    """Walk over pages; return the paging parameters of each request and the items."""
    found, asked = [], []
    state = _Walk(pages)
    for body in bodies:
        flow = state.next_flow()
        call = next(flow).call
        asked.append({**call.query, **(call.json or {})})
        try:
            flow.send(reply(body))
        except StopIteration as stop:
            state.take(stop.value)
            found += [item.id for item in stop.value.items]
        if state.ended:
            break
    return asked, found


ONE, TWO = [{"id": "1"}, {"id": "2"}], [{"id": "3"}]


@pytest.mark.parametrize("style", ["page_num", "page_index", "page"])
def test_numbered_pages_end_by_has_more_or_by_the_total(style):
    size = "size" if style == "page" else "page_size"
    pages = Pages(GET, Message, "items", style, 2)
    for bodies in (
        [{"data": {"items": ONE, "has_more": True}}, {"data": {"items": TWO, "has_more": False}}],
        [{"data": {"items": ONE, "total": 3}}, {"data": {"items": TWO, "total": 3}}],
        [{"items": ONE, "total_count": 3}, {"items": TWO, "total_count": 3}],
    ):
        asked, found = walk(pages, *bodies)
        assert found == ["1", "2", "3"]
        assert asked == [{style: 1, size: 2}, {style: 2, size: 2}]


def test_cursors_go_into_the_body_and_never_round_in_circles():
    pages = Pages(POST, Message, "", "cursor", 2, in_body=True)
    first = {"data": ONE, "has_more": True, "last_id": "2"}
    asked, found = walk(pages, first, {"data": TWO, "has_more": False, "last_id": "3"})
    assert asked == [{"limit": 2}, {"limit": 2, "after_id": "2"}]
    assert found == ["1", "2", "3"]
    asked, _ = walk(pages, first, first, first)
    assert len(asked) == 2


def test_page_tokens_end_with_has_more_even_if_a_token_is_left():
    pages = Pages(GET, Message, "items", "page_token", 2)
    asked, _ = walk(
        pages,
        {"data": {"items": ONE, "has_more": True, "next_page_token": "t"}},
        {"data": {"items": TWO, "has_more": False, "next_page_token": "u"}},
    )
    assert asked == [{"page_size": 2}, {"page_size": 2, "page_token": "t"}]


def test_an_empty_page_ends_a_list_that_claims_to_go_on():
    asked, _ = walk(
        Pages(GET, Message, "items", "page_num", 2),
        *[{"data": {"items": [], "has_more": True}}] * 5,
    )
    assert len(asked) == 1
