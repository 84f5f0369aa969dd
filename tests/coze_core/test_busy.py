"""One chat at a time in a conversation: waiting, barging in, going elsewhere."""

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from coze_core import (
    AsyncCozeClient,
    ChatSupersededError,
    ConversationBusyError,
    CozeClient,
    CozeError,
)
from coze_core._desk import DESK
from coze_core.emulator import Bot, Delta, Fault, Pause

pytestmark = pytest.mark.usefixtures("no_turn_is_left")

CHAT = "/v3/chat"


class Gate:
    """A bot that begins to answer and ends when it is told to."""

    def __init__(self, emulator):
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        emulator.add_bot(Bot("gate", self.answer))

    async def answer(self, messages, context):
        yield Delta("begin ")
        self.begun.release()
        while not self.open.is_set():
            yield Pause(0.01)
        yield Delta("end")

    def wait(self):
        assert self.begun.acquire(timeout=30)


@pytest.fixture
def gate(emulator):
    made = Gate(emulator)
    yield made
    made.open.set()


def answers(emulator):
    """How many chats were asked for, refused ones as well."""
    return len(emulator.requests.to(CHAT))


async def one(client, chat):
    return (await client.chat.stream(**chat).until_done()).answer


# -- waiting


def test_the_server_refuses_a_second_chat_unless_somebody_says_otherwise(
    client, ask, gate, conversation
):
    with client.chat.stream(**ask("a", "gate", conversation_id=conversation)) as stream:
        gate.wait()
        for on_busy in ({}, {"on_busy": "error"}):
            chat = ask("b", conversation_id=conversation, **on_busy)
            with pytest.raises(ConversationBusyError) as caught:
                client.chat.stream(**chat).until_done()
            assert caught.value.code == 4016
            with pytest.raises(ConversationBusyError):
                client.chat.create(**chat)
        gate.open.set()
        assert stream.until_done().answer == "begin end"


def test_twenty_threads_take_turns(emulator, client, ask, conversation):
    chat = ask("What is 2 + 3?", conversation_id=conversation, on_busy="wait")

    def one(number):
        if number % 4 == 3:
            return client.chat.create_and_poll(**chat).answer
        return client.chat.stream(**chat).until_done().answer

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(one, range(20))) == {"2 + 3 = 5"}
    assert answers(emulator) == 20  # nobody was refused


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_twenty_tasks_take_turns_in_the_order_in_which_they_came(
    emulator, ask, conversation, backend
):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    order = []

    async def one(number):
        chat = ask(f"{number}", "echo", conversation_id=conversation, on_busy="wait")
        order.append((await client.chat.stream(**chat).until_done()).answer)

    async def main():
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(one, number)
                await anyio.lowlevel.checkpoint()

    anyio.run(main, backend=backend)
    asked = [request.json["additional_messages"][0]["content"] for request in chats(emulator)]
    assert sorted(order, key=int) == [str(number) for number in range(20)]
    assert order == asked  # each had ended before the next one began
    assert answers(emulator) == 20


def chats(emulator):
    return emulator.requests.to(CHAT)


def test_threads_and_loops_of_both_kinds_take_turns(emulator, client, ask, conversation):
    chat = ask("What is 2 + 3?", conversation_id=conversation, on_busy="wait")
    other = AsyncCozeClient(emulator.token, base_url=emulator.base_url)

    def blocking(_):
        return client.with_options(timeout=50).chat.stream(**chat).until_done().answer

    def awaiting(backend):
        async def main():
            found = []

            async def each():
                found.append(await one(other, chat))

            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(each)
            return found

        return anyio.run(main, backend=backend)

    with ThreadPoolExecutor(13) as threads:
        waiting = [threads.submit(blocking, None) for _ in range(10)]
        loops = [threads.submit(awaiting, kind) for kind in ("asyncio", "trio", "asyncio")]
        found = [future.result() for future in waiting]
        for loop in loops:
            found += loop.result()
    assert found == ["2 + 3 = 5"] * 25
    assert answers(emulator) == 25


def test_other_conversations_do_not_wait(emulator, client, ask, gate, conversation):
    chat = ask("a", "gate", conversation_id=conversation, on_busy="wait")
    with client.chat.stream(**chat):
        gate.wait()
        other = client.conversations.create().id
        for where in (other, None):
            quick = ask("What is 2 + 3?", conversation_id=where, on_busy="wait")
            assert client.chat.stream(**quick).until_done().answer == "2 + 3 = 5"


def test_a_chat_of_another_process_is_waited_for(emulator, client, ask, gate, conversation):
    """Nobody here knows of it: the server's refusal tells."""
    stranger(emulator, conversation)
    gate.wait()
    chat = ask("What is 2 + 3?", conversation_id=conversation, on_busy="wait")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: client.chat.stream(**chat).until_done().answer)
        refused(emulator, 2)
        gate.open.set()
        assert waiting.result() == "2 + 3 = 5"


STRANGER = """
import sys
from coze_core import CozeClient, EnterMessage
base_url, token, conversation, bot = sys.argv[1:]
with CozeClient(token, base_url=base_url) as client:
    print(client.chat.create(
        bot_id=bot, user_id="u", conversation_id=conversation, messages=[EnterMessage.user("go")]
    ).id)
"""


def stranger(emulator, conversation):
    """Have another process begin a chat, and return its id."""
    arguments = [emulator.base_url, emulator.token, conversation, emulator.bot_id("gate")]
    command = [sys.executable, "-c", STRANGER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def refused(emulator, times):
    """Wait until the server has been asked so often."""
    while answers(emulator) < times:
        threading.Event().wait(0.005)


def test_waiting_has_a_bound(emulator, client, ask, gate, conversation):
    with client.chat.stream(**ask("a", "gate", conversation_id=conversation)) as stream:
        next(stream.text())
        chat = ask("b", conversation_id=conversation, on_busy="wait", busy_timeout=0.3)
        with pytest.raises(ConversationBusyError) as by_server:
            client.chat.stream(**chat).until_done()
    assert by_server.value.code == 4016
    with client.chat.stream(**ask("a", "gate", conversation_id=conversation, on_busy="wait")):
        gate.wait()
        sent = answers(emulator)
        with pytest.raises(ConversationBusyError, match="busy_timeout") as here:
            client.chat.stream(**chat).until_done()
        with pytest.raises(ConversationBusyError, match="busy_timeout"):
            client.chat.create_and_poll(**chat)
        assert here.value.conversation_id == conversation
        assert answers(emulator) == sent


def test_a_deadline_bounds_the_waiting_too(client, ask, gate, conversation):
    with client.chat.stream(**ask("a", "gate", conversation_id=conversation, on_busy="wait")):
        gate.wait()
        chat = ask("b", conversation_id=conversation, on_busy="wait", deadline=0.2)
        with pytest.raises(CozeError):
            client.chat.stream(**chat).until_done()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_whoever_is_cancelled_while_waiting_is_out_of_the_queue(
    emulator, ask, gate, conversation, backend
):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    wait = {"conversation_id": conversation, "on_busy": "wait"}

    async def main():
        async with client.chat.stream(**ask("a", "gate", **wait)) as first:
            await anyio.to_thread.run_sync(gate.wait)
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(one, client, ask("b", **wait))
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()
            gate.open.set()
            await first.until_done()
        return await one(client, ask("What is 2 + 3?", **wait))

    assert anyio.run(main, backend=backend) == "2 + 3 = 5"
    assert answers(emulator) == 2


def test_whoever_is_cancelled_while_answering_lets_the_next_one_in(
    emulator, ask, gate, conversation
):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    wait = {"conversation_id": conversation, "on_busy": "wait"}

    async def main():
        first = asyncio.create_task(one(client, ask("a", "gate", **wait)))
        await asyncio.to_thread(gate.wait)
        second = asyncio.create_task(one(client, ask("What is 2 + 3?", **wait)))
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        return await second

    assert asyncio.run(main()) == "2 + 3 = 5"


def test_a_failure_and_an_early_end_let_the_next_one_in(emulator, client, ask, gate, conversation):
    wait = {"conversation_id": conversation, "on_busy": "wait"}
    emulator.faults.add(Fault(status=500, body=b""), times=1)
    with pytest.raises(CozeError):
        client.chat.stream(**ask("a", **wait)).until_done()
    emulator.faults.add(Fault(body=b"{}", content_type="application/json"), times=1)
    with pytest.raises(CozeError):
        client.chat.stream(**ask("a", **wait)).until_done()
    for _ in client.chat.stream(**ask("a", "gate", **wait)).text():
        break
    with client.chat.stream(**ask("a", "gate", **wait)) as stream:
        next(stream.text())
    assert client.chat.stream(**ask("What is 2 + 3?", **wait)).until_done().answer == "2 + 3 = 5"


def test_an_abandoned_stream_lets_the_next_one_in(client, ask, gate, conversation):
    wait = {"conversation_id": conversation, "on_busy": "wait"}
    abandoned = client.chat.stream(**ask("a", "gate", **wait))
    assert next(iter(abandoned.text())) == "begin "
    kept = client.chat.stream(**ask("never opened", "gate", **wait))
    del abandoned
    gc.collect()
    client.chat.stream(**ask("a", "gate", **wait)).__enter__()
    gc.collect()
    gate.open.set()
    assert client.chat.stream(**ask("What is 2 + 3?", **wait)).until_done().answer == "2 + 3 = 5"
    kept.close()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_streams_of_an_event_loop_that_are_given_up_let_the_next_one_in(
    emulator, ask, gate, conversation, backend
):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    wait = {"conversation_id": conversation, "on_busy": "wait"}

    async def main():
        pieces = client.chat.stream(**ask("a", "gate", **wait)).text()
        assert await anext(pieces) == "begin "
        await pieces.aclose()
        async with client.chat.stream(**ask("a", "gate", **wait)) as stream:
            async with contextlib.aclosing(stream.text()) as pieces:
                assert await anext(pieces) == "begin "
        with anyio.CancelScope() as scope:
            async with client.chat.stream(**ask("a", "gate", **wait)) as stream:
                async for _ in stream:
                    scope.cancel()
        return await one(client, ask("What is 2 + 3?", **wait))

    assert anyio.run(main, backend=backend) == "2 + 3 = 5"


def test_studio_takes_turns_and_lets_barge_in(emulator, gate, studio, ask):
    studio.add_bot(emulator.bots["gate"])  # bots of one name have one id
    with CozeClient(studio.token, base_url=studio.base_url) as client:
        where = {"conversation_id": client.conversations.create().id}
        old = client.chat.stream(**ask("a", "gate", **where))
        pieces = old.text()
        next(pieces)
        chat = ask("What is 2 + 3?", **where, on_busy="cancel_previous")
        assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"
        with pytest.raises(ChatSupersededError):
            list(pieces)
        chat["on_busy"] = "wait"
        with ThreadPoolExecutor(6) as threads:
            found = threads.map(lambda _: client.chat.stream(**chat).until_done().answer, range(6))
            assert set(found) == {"2 + 3 = 5"}


def test_copies_and_clients_of_both_kinds_share_their_turns(
    emulator, client, ask, gate, conversation
):
    wait = {"conversation_id": conversation, "on_busy": "wait", "busy_timeout": 0.05}
    with client.chat.stream(**ask("a", "gate", **wait)):
        gate.wait()
        sent = answers(emulator)
        again = CozeClient(emulator.token, base_url=emulator.base_url)
        for other in (client.with_options(max_retries=0), again):
            with pytest.raises(ConversationBusyError, match="in use"):
                other.chat.stream(**ask("b", **wait)).until_done()
            other.close()
        awaiting = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        with pytest.raises(ConversationBusyError, match="in use"):
            asyncio.run(one(awaiting, ask("b", **wait)))
        assert answers(emulator) == sent


@pytest.mark.parametrize("wrong", [{"on_busy": "queue"}, {"busy_timeout": -1}])
def test_policies_that_do_not_exist_are_refused(emulator, client, ask, wrong):
    for call in (client.chat.stream, client.chat.create, client.chat.create_and_poll):
        with pytest.raises(ValueError, match="busy"):
            call(**ask("a", **wrong))
    assert emulator.requests == []


# -- barging in


def barge_in(conversation):
    return {"conversation_id": conversation, "on_busy": "cancel_previous"}


def test_a_newer_chat_takes_the_place_of_a_running_one(emulator, client, ask, gate, conversation):
    for policy in ({}, {"on_busy": "wait"}, {"on_busy": "cancel_previous"}):
        old = client.chat.stream(**ask("a", "gate", **{"conversation_id": conversation, **policy}))
        pieces = old.text()
        assert next(pieces) == "begin "
        chat = ask("What is 2 + 3?", **barge_in(conversation))
        assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"
        with pytest.raises(ChatSupersededError) as caught:
            list(pieces)
        error = caught.value
        assert error.turn.answer == "begin "
        assert (error.chat_id, error.conversation_id) == (old.turn.chat_id, conversation)
        assert not error.retryable
        found = client.chat.retrieve(conversation_id=conversation, chat_id=error.chat_id)
        assert found.status == "canceled"


def test_the_first_chat_of_a_conversation_is_found_by_the_id_it_was_given(client, ask, gate):
    old = client.chat.stream(**ask("a", "gate"))
    pieces = old.text()
    next(pieces)
    chat = ask("What is 2 + 3?", **barge_in(old.turn.conversation_id))
    assert client.chat.create_and_poll(**chat).answer == "2 + 3 = 5"
    with pytest.raises(ChatSupersededError):
        next(pieces)


def test_a_blocked_reader_is_told_at_once(emulator, client, ask, gate, conversation):
    """The server says nothing more; the reader of the old chat waits in another thread."""
    gate_chat = ask("a", "gate", conversation_id=conversation)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(lambda: client.chat.stream(**gate_chat).until_done())
        gate.wait()
        begun(client, conversation)
        chat = ask("What is 2 + 3?", **barge_in(conversation))
        assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"
        with pytest.raises(ChatSupersededError):
            reading.result()


def begun(client, conversation):
    """Wait until a stream of ours knows which chat it has."""
    while not any(
        (lease := ref()) is not None and all(lease.ids) for ref in list(DESK._leases.values())
    ):
        threading.Event().wait(0.005)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_takes_the_place_of_another(emulator, ask, gate, conversation, backend):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)

    async def main():
        told = []

        async def old():
            try:
                await one(client, ask("a", "gate", conversation_id=conversation))
            except ChatSupersededError as error:
                told.append(error.turn.answer)

        async with anyio.create_task_group() as group:
            group.start_soon(old)
            await anyio.to_thread.run_sync(gate.wait)
            await anyio.to_thread.run_sync(begun, client, conversation)
            answer = await one(client, ask("What is 2 + 3?", **barge_in(conversation)))
        return told, answer

    told, answer = anyio.run(main, backend=backend)
    assert (told, answer) == (["begin "], "2 + 3 = 5")


def test_of_many_who_barge_in_the_last_one_is_answered(client, ask, gate, conversation):
    def one(number):
        try:
            chat = ask("go", "gate", **barge_in(conversation))
            return client.chat.stream(**chat).until_done().answer
        except ChatSupersededError:
            return None

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(one, number) for number in range(8)]
        for done in range(7):
            while sum(future.done() for future in running) <= done:
                threading.Event().wait(0.005)
        gate.open.set()
        found = [future.result() for future in running]
    assert sorted(found, key=str) == [*[None] * 7, "begin end"]


def test_those_who_wait_keep_their_place_behind_who_barges_in(client, ask, gate, conversation):
    wait = {"conversation_id": conversation, "on_busy": "wait"}
    old = client.chat.stream(**ask("a", "gate", **wait))
    pieces = old.text()
    next(pieces)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(
            lambda: client.chat.stream(**ask("What is 2 + 3?", **wait)).until_done().answer
        )
        while not any(len(queue) > 1 for queue in DESK._queues.values()):
            threading.Event().wait(0.005)
        chat = ask("What is 4 * 5?", **barge_in(conversation))
        assert client.chat.stream(**chat).until_done().answer == "4 * 5 = 20"
        assert waiting.result() == "2 + 3 = 5"
    with pytest.raises(ChatSupersededError):
        next(pieces)


def test_polled_chats_are_superseded_as_well(client, ask, gate, conversation):
    with ThreadPoolExecutor(1) as threads:
        chat = ask("a", "gate", conversation_id=conversation)
        polling = threads.submit(lambda: client.chat.create_and_poll(**chat))
        gate.wait()
        begun(client, conversation)
        newer = ask("What is 2 + 3?", **barge_in(conversation))
        assert client.chat.create_and_poll(**newer).answer == "2 + 3 = 5"
        with pytest.raises(ChatSupersededError) as caught:
            polling.result()
        assert caught.value.chat_id


def test_a_chat_that_nobody_follows_is_cancelled(client, ask, gate, conversation):
    left = client.chat.create(**ask("a", "gate", conversation_id=conversation))
    gate.wait()
    chat = ask("What is 2 + 3?", **barge_in(conversation))
    assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"
    found = client.chat.retrieve(conversation_id=conversation, chat_id=left.id)
    assert found.status == "canceled"


def test_a_chat_of_another_process_is_found_and_cancelled(
    emulator, client, ask, gate, conversation
):
    other = stranger(emulator, conversation)
    gate.wait()
    chat = ask("What is 2 + 3?", **barge_in(conversation))
    assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"
    found = client.chat.retrieve(conversation_id=conversation, chat_id=other)
    assert found.status == "canceled"


def test_a_chat_that_cannot_be_found_is_an_error_that_says_what_to_do(
    emulator, client, ask, conversation
):
    emulator.faults.add(Fault(code=4016), times=1)
    with pytest.raises(ConversationBusyError, match="on_busy='wait'") as caught:
        client.chat.stream(**ask("a", **barge_in(conversation))).until_done()
    assert caught.value.code == 4016


# -- elsewhere


def test_a_busy_conversation_is_left_for_a_new_one(emulator, client, ask, gate, conversation):
    elsewhere = {"conversation_id": conversation, "on_busy": "new_conversation"}
    turn = client.chat.stream(**ask("What is 2 + 3?", **elsewhere)).until_done()
    assert turn.conversation_id == conversation
    with client.chat.stream(**ask("a", "gate", conversation_id=conversation)):
        gate.wait()
        turn = client.chat.stream(**ask("What is 2 + 3?", **elsewhere)).until_done()
        assert turn.answer == "2 + 3 = 5"
        assert turn.conversation_id not in {"", None, conversation}
        turn = client.chat.create_and_poll(**ask("What is 2 + 3?", **elsewhere))
        assert turn.conversation_id != conversation
