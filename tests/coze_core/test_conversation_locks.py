"""Several workers share the conversations: locks on files, and locks of the user's."""

import subprocess
import sys
import threading

import anyio
import pytest

from coze_core import (
    AsyncCozeClient,
    ConversationBusyError,
    CozeClient,
    FileConversationLock,
)

pytestmark = pytest.mark.usefixtures("no_turn_is_left")

WORKER = """
import sys
from coze_core import CozeClient, EnterMessage, FileConversationLock
base_url, token, conversation, bot, folder = sys.argv[1:]
lock = FileConversationLock(folder)
with CozeClient(token, base_url=base_url, conversation_lock=lock) as client:
    for _ in range(5):
        print(client.chat.stream(
            bot_id=bot,
            user_id="u",
            conversation_id=conversation,
            messages=[EnterMessage.user("What is 2 + 3?")],
            on_busy="wait",
        ).until_done().answer)
"""


def test_two_processes_take_turns(emulator, conversation, tmp_path):
    arguments = [emulator.base_url, emulator.token, conversation, emulator.bot_id("assistant")]
    command = [sys.executable, "-c", WORKER, *arguments, str(tmp_path / "locks")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        output, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        assert output.split("\n")[:-1] == ["2 + 3 = 5"] * 5
    assert len(emulator.requests.to("/v3/chat")) == 10  # nobody was refused
    assert list((tmp_path / "locks").iterdir()) == []


DIES = """
import os, sys
from coze_core import FileConversationLock
assert FileConversationLock(sys.argv[1]).try_acquire("a")
os.kill(os.getpid(), 9)
"""


def test_a_lock_on_a_file_ends_with_its_process(tmp_path):
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    assert done.returncode != 0
    lock, other = FileConversationLock(tmp_path), FileConversationLock(tmp_path)
    assert lock.try_acquire("a")
    assert not other.try_acquire("a")
    assert other.try_acquire("b")
    lock.release("a")
    assert other.try_acquire("a")
    lock.release("a")  # which it has not
    assert not lock.try_acquire("a")
    for key in ("a", "b"):
        other.release(key)
    assert list(tmp_path.iterdir()) == []


class Slow:
    """A lock that another worker has for some time."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.held = set()
        self.seen = []

    def try_acquire(self, key):
        self.seen.append(key)
        self.refusals -= 1
        if self.refusals >= 0:
            return False
        assert key not in self.held
        self.held.add(key)
        return True

    def release(self, key):
        self.held.remove(key)


@pytest.mark.parametrize("backend", ["blocking", "asyncio", "trio"])
def test_a_lock_of_the_users_is_asked_until_it_is_free(emulator, ask, conversation, backend):
    lock = Slow(refusals=2)
    chat = ask("What is 2 + 3?", conversation_id=conversation, on_busy="wait")
    options = {"base_url": emulator.base_url, "conversation_lock": lock}

    async def main():
        async with AsyncCozeClient(emulator.token, **options) as client:
            async with client.chat.stream(**chat) as stream:
                assert len(lock.held) == 1
                return (await stream.until_done()).answer

    if backend == "blocking":
        with CozeClient(emulator.token, **options).with_options(timeout=50) as client:
            answer = client.chat.stream(**chat).until_done().answer
    else:
        answer = anyio.run(main, backend=backend)
    assert answer == "2 + 3 = 5"
    assert len(lock.seen) == 3
    assert conversation in lock.seen[0]
    assert lock.held == set()


def test_a_lock_that_stays_taken_is_waited_for_no_longer_than_allowed(emulator, ask, conversation):
    chat = ask("a", conversation_id=conversation, on_busy="wait", busy_timeout=0.1)
    options = {"base_url": emulator.base_url, "conversation_lock": Slow(refusals=1000)}
    with CozeClient(emulator.token, **options) as client:
        with pytest.raises(ConversationBusyError, match="in use"):
            client.chat.stream(**chat).until_done()
        chat = ask(
            "What is 2 + 3?", conversation_id=conversation, on_busy="cancel_previous"
        )  # does not wait for other workers
        assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"


def test_a_lock_that_fails_to_let_go_does_not_cost_the_answer(emulator, ask, conversation, caplog):
    class Broken(Slow):
        def release(self, key):
            raise RuntimeError("gone")

    chat = ask("What is 2 + 3?", conversation_id=conversation, on_busy="wait")
    options = {"base_url": emulator.base_url, "conversation_lock": Broken(0)}
    with CozeClient(emulator.token, **options) as client:
        assert client.chat.stream(**chat).until_done().answer == "2 + 3 = 5"
    assert "could not be given back" in caplog.text


def test_what_is_no_lock_is_refused():
    with pytest.raises(TypeError, match="try_acquire"):
        CozeClient("pat_x", conversation_lock=threading.Lock())
