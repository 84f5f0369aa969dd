"""Token endpoints, stores and callers that misbehave: what a credential makes of them."""

import asyncio
import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from keys import key_pair
from wire import RawServer, reply

from coze_core import (
    APIStatusError,
    AsyncCozeClient,
    CozeClient,
    DeviceCode,
    FileStore,
    FunctionAuth,
    JWTAuth,
    MemoryStore,
    OAuthError,
    OAuthToken,
    ProtocolError,
    UserAuth,
)

TOKEN = b"/api/permission/oauth2/token"
R0 = "refresh-00000000"
ME = {"code": 0, "data": {"user_id": "1", "user_name": "ann"}}


class Tokens:
    """A server that grants tokens, each once for its refresh token, and knows who asks."""

    def __init__(self, **granted):
        self.granted = granted
        self.answers = []  # bodies to give instead, as (body, status)
        self.headers = ""
        self.came, self.go = threading.Event(), threading.Event()
        self.go.set()  # a test that clears it holds the replies back
        self.server = RawServer(self._answer)
        self.asked = []  # the bodies of the requests for tokens

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.go.set()
        self.server.__exit__()

    def _answer(self, connection, request, _):
        head, _, body = request.partition(b"\r\n\r\n")
        if TOKEN not in head:
            connection.sendall(reply(ME))
            return True
        self.asked.append(json.loads(body))
        self.came.set()
        self.go.wait()
        self.grant(connection, len(self.asked))
        return True

    def grant(self, connection, number):
        if self.answers:
            content, status = self.answers.pop(0)
            connection.sendall(reply(content, status, self.headers))
            return
        token = {"access_token": f"czu_{number}", "refresh_token": f"refresh-{number:08}"}
        connection.sendall(
            reply({"expires_in": 900, **token, **self.granted}, "200 OK", self.headers)
        )

    def user(self, **options):
        options.setdefault("token", OAuthToken("czu_0", 0, R0))
        return UserAuth("app", base_url=self.server.base_url, **options)


# -- what the endpoint answers


@pytest.mark.parametrize(
    "expires",
    [
        0,
        -5,
        "soon",
        "",
        None,
        [],
        True,
        "NaN",
        float("nan"),
        float("inf"),
        60,
        10**20,
        time.time() - 50,
    ],
)
def test_a_token_is_used_however_oddly_the_server_tells_its_end(expires):
    with Tokens(expires_in=expires) as tokens, CozeClient(auth=tokens.user()) as client:
        assert client.users.me().user_name == "ann"
        assert client.users.me().user_name == "ann"
    assert len(tokens.asked) == 1


@pytest.mark.parametrize("date", ["Mon, 01 Jan 0001 00:00:00 -0000", "rubbish", "Fri, 31 Dec 9999"])
def test_a_server_that_tells_the_time_wrongly_still_grants_a_token(date):
    with Tokens(expires_in=time.time() + 900) as tokens, CozeClient(auth=tokens.user()) as client:
        tokens.headers = f"date: {date}\r\n"
        assert client.users.me().user_name == "ann"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "invalid_client"}, "invalid_client"),
        ({"error": "invalid_request", "error_description": "no such thing"}, "no such thing"),
        ({"error_code": "invalid_request", "error_message": "old code"}, "old code"),
    ],
)
def test_an_error_in_a_reply_of_success_is_an_oauth_error(body, said):
    with Tokens() as tokens, CozeClient(auth=tokens.user()) as client:
        tokens.answers = [(body, "200 OK")]
        with pytest.raises(OAuthError, match=said) as caught:
            client.users.me()
        assert caught.value.hint
        tokens.answers = [
            ({"error": "invalid_request", "error_description": f"bad {R0}"}, "200 OK")
        ]
        with pytest.raises(OAuthError, match="bad") as shown:
            client.users.me()
        tokens.answers = [({"error": f"invalid_client: {R0}"}, "200 OK")]
        with pytest.raises(ProtocolError) as strange:
            client.users.me()
    assert R0 not in str(strange.value) + str(shown.value)


def test_a_device_waits_on_when_the_endpoint_says_so_in_a_reply_of_success():
    with Tokens() as tokens, CozeClient(auth=tokens.user(token=None)) as client:
        tokens.answers = [({"error": "authorization_pending"}, "200 OK")]
        client.oauth.wait_for_user(DeviceCode("ABCD", "https://x", "device", 60, 0.01))
        assert client.users.me().user_name == "ann"


@pytest.mark.parametrize("odd", [float("nan"), -1, "x", None, 0, [], float("inf")])
def test_a_device_code_with_odd_times_has_the_usual_ones(odd):
    given = {"device_code": "d", "user_code": "A&B", "verification_uri": "https://x"}
    body = {**given, "expires_in": odd, "interval": odd}

    def answer(connection, _, __):
        connection.sendall(reply(body))
        return True

    with RawServer(answer) as server:
        with CozeClient(auth=UserAuth("app", base_url=server.base_url)) as client:
            code = client.oauth.device_code()
            assert (code.expires_in, code.interval) == (300, 5)
            assert code.verification_url == "https://x?user_code=A%26B"
            body["verification_uri"] = None
            with pytest.raises(ProtocolError):
                client.oauth.device_code()


@pytest.mark.parametrize(
    "text",
    [
        '{"tokens": {"a": 5}}',
        '{"tokens": {"a": {"access_token": "czu_x", "expires_at": NaN}}}',
        '{"tokens": {"a": {"access_token": "czu_x", "expires_at": 5, "refresh_token": 7}}}',
        b"\xff\xfe rubbish",
        b'{"tokens": ' + b"[" * 100000,
    ],
)
def test_a_token_file_of_rubbish_is_a_value_error_that_shows_nothing(tmp_path, text):
    path = tmp_path / "tokens.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match="token") as caught:
        FileStore(path).load("a")
    assert "czu_x" not in str(caught.value)


# -- many who ask at a time


@pytest.mark.parametrize("status", ["400 Bad Request", "502 Bad Gateway"])
@pytest.mark.anyio
async def test_a_refresh_that_fails_fails_for_all_who_wait_for_it(status):
    async def ask(client, errors):
        with pytest.raises(APIStatusError) as caught:
            await client.users.me()
        errors.append(caught.value)

    with Tokens() as tokens:
        tokens.answers = [({"error_code": "invalid_request", "error_message": "no"}, status)] * 200
        errors = []
        async with (
            AsyncCozeClient(auth=tokens.user()) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(100):
                group.start_soon(ask, client, errors)
        assert len(errors) == 100
        assert {str(error) for error in errors} == {str(errors[0])}
        assert len(tokens.asked) == 1
        tokens.answers = []
        async with AsyncCozeClient(auth=tokens.user()) as client:  # which asks anew
            assert (await client.users.me()).user_name == "ann"


@pytest.mark.anyio
async def test_a_refresh_goes_on_when_the_one_who_began_it_is_cancelled():
    with Tokens() as tokens:
        tokens.go.clear()
        async with AsyncCozeClient(auth=tokens.user()) as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.users.me)
                await anyio.to_thread.run_sync(tokens.came.wait)
                group.cancel_scope.cancel()
            async with anyio.create_task_group() as group:
                group.start_soon(client.users.me)  # waits for the same token
                tokens.go.set()
        assert len(tokens.asked) == 1


def test_a_loop_that_ends_in_the_middle_of_a_refresh_lets_others_refresh():
    with Tokens() as tokens:
        tokens.go.clear()
        auth = tokens.user()

        async def main():
            async with AsyncCozeClient(auth=auth) as client:
                task = asyncio.create_task(client.users.me())
                await asyncio.to_thread(tokens.came.wait)
                task.cancel()

        asyncio.run(main())
        tokens.go.set()
        with CozeClient(auth=auth) as client:
            assert client.users.me().user_name == "ann"


async def _blocking_beside_a_refresh(tokens, auth):
    """Call a blocking client on a loop whose task waits for a token; return what came of it."""
    async with AsyncCozeClient(auth=auth) as client:
        task = asyncio.create_task(client.users.me())
        await asyncio.to_thread(tokens.came.wait)
        try:
            with CozeClient(auth=auth) as blocking:
                return blocking.users.me().user_name
        finally:
            tokens.go.set()
            assert (await task).user_name == "ann"


def test_a_blocking_client_does_not_spend_a_refresh_token_that_a_task_of_its_loop_spends():
    with Tokens() as tokens:
        tokens.go.clear()
        with pytest.raises(RuntimeError, match="AsyncCozeClient"):
            asyncio.run(_blocking_beside_a_refresh(tokens, tokens.user()))
        assert [body["refresh_token"] for body in tokens.asked] == [R0]


def test_a_token_that_is_renewed_ahead_of_its_end_serves_all_others_meanwhile():
    with Tokens() as tokens:
        tokens.go.clear()
        ahead = [0.0]
        token = OAuthToken("czu_0", time.time() + 900, R0)
        auth = tokens.user(token=token, clock=lambda: time.time() + ahead[0])
        with CozeClient(auth=auth) as client:
            client.users.me()
        ahead[0] = 880
        assert asyncio.run(_blocking_beside_a_refresh(tokens, auth)) == "ann"
        assert len(tokens.asked) == 1


def test_a_blocking_client_asks_for_a_token_of_its_own_where_that_does_no_harm(tmp_path):
    class Second(Tokens):
        def _answer(self, connection, request, number):
            if len(self.asked) == 1:
                self.go.set()
            return super()._answer(connection, request, number)

    with Second() as tokens:
        tokens.go.clear()
        auth = JWTAuth(
            "app",
            private_key=key_pair()[0],
            public_key_id="kid",
            base_url=tokens.server.base_url,
            store=FileStore(tmp_path / "tokens.json"),
        )
        assert asyncio.run(_blocking_beside_a_refresh(tokens, auth)) == "ann"
        assert len(tokens.asked) == 2


def test_a_blocking_client_on_a_loop_waits_for_a_refresh_of_another_thread():
    with (
        Tokens() as tokens,
        CozeClient(auth=tokens.user()) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        tokens.go.clear()
        other = pool.submit(client.users.me)
        tokens.came.wait()

        async def main():
            threading.Timer(0.05, tokens.go.set).start()
            return client.users.me().user_name

        assert asyncio.run(main()) == "ann"
        assert other.result().user_name == "ann"
        assert len(tokens.asked) == 1


_FORKS = """
import os, sys, threading
from coze_core import CozeClient, FunctionAuth
asked, go = threading.Event(), threading.Event()

def token():
    if os.getpid() == parent:
        asked.set()
        go.wait()
    return "pat_x"

parent, client = os.getpid(), CozeClient(auth=FunctionAuth(token), base_url=sys.argv[1])
thread = threading.Thread(target=client.users.me)
thread.start()
asked.wait()
child = os.fork()
if child == 0:
    with CozeClient(auth=client.auth, base_url=sys.argv[1]) as own:
        os._exit(own.users.me().user_name != "ann")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
go.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_in_the_middle_of_a_refresh_makes_its_own():
    with Tokens() as tokens:
        command = [sys.executable, "-W", "ignore", "-c", _FORKS, tokens.server.base_url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.stdout == "0\n", done.stderr


# -- stores, and several who share one


class Broken(MemoryStore):
    """A store whose disk is full, or that is only read."""

    full = locked = False

    def save(self, key, token):
        if self.full:
            raise OSError("the disk is full")
        super().save(key, token)

    def try_lock(self, key):
        if self.locked:
            raise OSError("the folder is only read")
        return super().try_lock(key)


class Ahead:
    """A clock that the test turns."""

    seconds = 0.0

    def __call__(self):
        return time.time() + self.seconds


def test_a_token_that_could_not_be_saved_is_the_one_that_is_renewed():
    store, clock = Broken(), Ahead()
    with Tokens() as tokens, CozeClient(auth=tokens.user(store=store, clock=clock)) as client:
        client.users.me()
        for full in (True, True, False):
            store.full, clock.seconds = full, clock.seconds + 1000
            if full:
                with pytest.raises(OSError, match="full"):  # said once for each token
                    client.users.me()
            assert client.users.me().user_name == "ann"
        spent = [body["refresh_token"] for body in tokens.asked]
        assert spent == [R0, "refresh-00000001", "refresh-00000002", "refresh-00000003"]
        assert store.load(client.auth.key).refresh_token == "refresh-00000004"


def test_a_first_token_that_could_not_be_saved_is_not_spent_twice():
    store, clock = Broken(), Ahead()
    store.full = True
    with Tokens() as tokens, CozeClient(auth=tokens.user(store=store, clock=clock)) as client:
        with pytest.raises(OSError, match="full"):
            client.users.me()
        store.full, clock.seconds = False, 1000
        client.users.me()
        assert [body["refresh_token"] for body in tokens.asked] == [R0, "refresh-00000001"]


def test_a_store_that_is_only_read_serves_as_long_as_its_token_does():
    store, clock = Broken(), Ahead()
    store.locked = True
    with Tokens() as tokens:
        auth = tokens.user(token=None, store=store, clock=clock)
        store.save(auth.key, OAuthToken("czu_stored", time.time() + 900, R0))
        with CozeClient(auth=auth) as client:
            assert client.users.me().user_name == "ann"
            clock.seconds = 1000
            with pytest.raises(OSError, match="only read"):
                client.users.me()
        assert not tokens.asked


@pytest.mark.anyio
async def test_credentials_made_for_each_request_renew_an_account_once_together():
    with Tokens() as tokens:
        app = tokens.user(token=None)
        app.store.save(app.for_account("ann").key, OAuthToken("czu_old", 0, R0))

        async def request():
            async with AsyncCozeClient(auth=app.for_account("ann")) as client:
                await client.users.me()

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(request)
        assert [body["refresh_token"] for body in tokens.asked] == [R0]


def test_a_user_who_has_signed_out_elsewhere_is_signed_out_here():
    clock = Ahead()
    with Tokens() as tokens:
        auth = tokens.user(clock=clock)
        other = auth.for_account("default")
        with CozeClient(auth=auth) as client, CozeClient(auth=other) as second:
            client.users.me()
            second.users.me()
            client.oauth.sign_out()
            clock.seconds = 1000
            with pytest.raises(OAuthError, match="nobody is signed in"):
                second.users.me()
        assert len(tokens.asked) == 1


def test_whoever_is_refused_takes_the_token_that_another_process_has_got_meanwhile():
    class Overtaken(MemoryStore):
        def try_lock(self, key):
            return True  # a keyring keeps no other process out

    store = Overtaken()
    with Tokens() as tokens:
        auth = tokens.user(token=None, store=store)
        store.save(auth.key, OAuthToken("czu_old", 0, R0))
        tokens.go.clear()
        tokens.answers = [({"error_code": "invalid_request", "error_message": "used"}, "400 No")]
        with CozeClient(auth=auth) as client, ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.users.me)
            tokens.came.wait()
            store.save(auth.key, OAuthToken("czu_new", time.time() + 900, "refresh-of-another"))
            tokens.go.set()
            assert asked.result().user_name == "ann"
        assert auth.token() == "czu_new"


@pytest.fixture
def held(tmp_path):
    """A store, and another process's lock on the token of the user "app"."""
    path = tmp_path / "tokens.json"
    other = FileStore(path)
    keys = []

    def hold(auth):
        assert other.try_lock(auth.key)
        keys.append(auth.key)
        return auth

    yield FileStore(path), hold
    for key in keys:
        other.unlock(key)


_HOLDS = """
import sys, time
from coze_core import FileStore, OAuthToken
store = FileStore(sys.argv[1])
store._write = lambda text: (print("writing", flush=True), time.sleep(600))
store.save("theirs", OAuthToken("czu_theirs", 1))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system stops no processes")
@pytest.mark.timeout(20)
def test_a_process_that_is_stopped_while_it_writes_holds_nobody_up_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("coze_core.oauth._stores._WRITE_SECONDS", 0.2)
    path = tmp_path / "tokens.json"
    token = OAuthToken("czu_x", time.time() - 5, R0)
    with Tokens() as tokens:
        auth = tokens.user(token=None, store=FileStore(path))
        FileStore(path).save(auth.key, token)
        command = [sys.executable, "-c", _HOLDS, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
            other.stdout.readline()
            other.send_signal(signal.SIGSTOP)
            try:
                assert FileStore(path).load(auth.key) == token
                with pytest.raises(TimeoutError, match=r"tokens\.json\.lock.*卡住的进程"):
                    FileStore(path).save("ours", token)
                with CozeClient(auth=auth) as client:
                    with pytest.raises(TimeoutError):  # said once; the new token is in memory
                        client.users.me()
                    assert client.users.me().user_name == "ann"
            finally:
                other.kill()
        FileStore(path).save("ours", token)
        assert FileStore(path).load("ours") == token


def test_a_refresh_token_is_not_spent_while_another_process_holds_its_lock(held):
    store, hold = held
    with Tokens() as tokens:
        auth = hold(tokens.user(store=store, lock_timeout=0.2))
        with CozeClient(auth=auth) as client, pytest.raises(OAuthError) as caught:
            client.users.me()
        assert tokens.asked == []
        error = caught.value
        assert (error.error, error.retryable) == ("lock_held", True)
        assert "lock_timeout" in error.hint
        assert "进程" in error.hint

        async def awaiting():
            async with AsyncCozeClient(auth=auth) as client:
                await client.users.me()

        with pytest.raises(OAuthError, match=r"0\.2 seconds"):
            asyncio.run(awaiting())
        assert tokens.asked == []


def test_a_token_that_the_holder_of_the_lock_has_stored_is_taken(held):
    store, hold = held
    with Tokens() as tokens:
        auth = hold(tokens.user(store=store, lock_timeout=0.5))
        later = threading.Timer(
            0.1, lambda: store.save(auth.key, OAuthToken("czu_new", time.time() + 900, "other"))
        )
        later.start()
        with CozeClient(auth=auth) as client:
            assert client.users.me().user_name == "ann"
        later.join()
        assert (tokens.asked, auth.token()) == ([], "czu_new")


def test_an_old_token_that_is_still_good_serves_while_the_lock_is_held(held):
    store, hold = held
    with Tokens() as tokens:
        soon = OAuthToken("czu_old", time.time() + 20, R0)
        auth = hold(tokens.user(token=soon, store=store, lock_timeout=0.1))
        with CozeClient(auth=auth) as client:
            assert client.users.me().user_name == "ann"
        assert (tokens.asked, auth.token()) == ([], "czu_old")


def test_where_nothing_is_spent_a_lock_that_is_held_for_long_stops_nobody(held, monkeypatch):
    store, hold = held
    with Tokens() as tokens:
        auth = hold(_jwt(store=store, base_url=tokens.server.base_url))
        monkeypatch.setattr(auth, "lock_timeout", 0.1)
        with CozeClient(auth=auth) as client:
            assert client.users.me().user_name == "ann"
        assert len(tokens.asked) == 1


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_wait_for_the_lock_that_cannot_be_is_refused(seconds):
    with pytest.raises(ValueError, match="lock_timeout"):
        UserAuth("app", lock_timeout=seconds)


def _jwt(**options):
    return JWTAuth("app", private_key=key_pair()[0], public_key_id="kid", **options)


def test_no_two_credentials_that_differ_are_kept_under_one_key():
    users = UserAuth("app", account="a|b")
    assert users.for_account("c").key == UserAuth("app", account="c").key
    keys = [
        _jwt().key,
        _jwt(session_name="a").key,
        _jwt(session_name="a").for_session("b").key,
        _jwt(session_name="a|b").key,
        _jwt(account_id="a").key,
        _jwt(enterprise_id="a").key,
        _jwt(scope={"account_permission": {"permission_list": ["Connector.botChat"]}}).key,
        _jwt(session_context={"device_info": {"device_id": "1"}}).key,
        users.key,
        users.for_account("a").for_account("b").key,
        users.for_account("a").key,
        # Names that read like another kind, another part or another app.
        *(
            UserAuth(app, account=account).key
            for app in ("app", "app|account=default")
            for account in (
                "default",
                "session=a",
                "account=a",
                "a|session=b",
                "path=a",
                "a%7Cb",
                "",
            )
        ),
        *(_jwt(session_name=name).key for name in ("", "a|scope=b", "session=a", "a%7Cb")),
        JWTAuth("app|session=a", private_key=key_pair()[0], public_key_id="kid").key,
    ]
    assert len(set(keys)) == len(keys)
    assert _jwt(session_name="a").for_session("b").key == _jwt(session_name="b").key


def test_a_copy_of_a_credential_is_the_credential():
    with Tokens() as tokens:
        auth = tokens.user()
        for made in (auth, _jwt()):
            assert copy.copy(made) is copy.deepcopy(made) is made


def test_a_token_file_may_be_a_link_and_lie_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    real = tmp_path / "real.json"
    link = tmp_path / "link.json"
    link.symlink_to(real)
    FileStore("~/link.json").save("a", OAuthToken("czu_x", 5))
    assert link.is_symlink()
    assert FileStore(real).load("a") == FileStore(link).load("a") == OAuthToken("czu_x", 5)
    one, other = FileStore(real), FileStore(link)
    assert one.try_lock("a")
    assert not other.try_lock("a")
    one.unlock("a")
    assert other.try_lock("a")
    other.unlock("a")


_HOLDS_ON = """
import os, sys
from coze_core import FileStore
store, other = FileStore(sys.argv[1]), FileStore(sys.argv[1])
assert store.try_lock("a")
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.close(write)
    os.read(read, 1)  # lives on, with all files open
    os._exit(0)
os.close(read)
store.unlock("a")
print(other.try_lock("a"))
os.close(write)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_does_not_hold_the_lock_of_a_token_file(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", _HOLDS_ON, str(tmp_path / "tokens.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr


# -- functions


class Asynchronous:
    async def __call__(self):
        return "pat_x"

    def later(self):
        return self()


@pytest.mark.parametrize("function", [Asynchronous(), Asynchronous().later])
@pytest.mark.anyio
async def test_whatever_returns_an_awaitable_is_an_asynchronous_function(function):
    with Tokens() as tokens:
        auth = FunctionAuth(function)
        async with AsyncCozeClient(auth=auth, base_url=tokens.server.base_url) as client:
            assert (await client.users.me()).user_name == "ann"


def test_what_is_no_token_is_not_kept_and_a_token_must_live_for_a_while():
    given = ["", "two words", "pat_x"]
    with Tokens() as tokens:
        auth = FunctionAuth(lambda: given.pop(0))
        with CozeClient(auth=auth, base_url=tokens.server.base_url) as client:
            for said in ("empty", "white space"):
                with pytest.raises(ValueError, match=said):
                    client.users.me()
            assert client.users.me().user_name == "ann"
    for age in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="max_age"):
            FunctionAuth(lambda: "pat_x", max_age=age)
