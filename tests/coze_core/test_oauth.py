"""Credentials that renew themselves, with both clients, against the emulator's OAuth endpoints."""

import asyncio
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from keys import key_pair

from coze_core import (
    APIConnectionError,
    AsyncCozeClient,
    AuthenticationError,
    CozeClient,
    DeviceCode,
    FileStore,
    FunctionAuth,
    JWTAuth,
    KeyringStore,
    MemoryStore,
    OAuthError,
    OAuthToken,
    PermissionDeniedError,
    UnsupportedError,
    UserAuth,
    bot_chat_scope,
    load_auth,
)
from coze_core._call import Reply
from coze_core._flow import Send
from coze_core.emulator import Emulator, Fault, OAuthApp

TOKEN = "/api/permission/oauth2/token"


class Time:
    """A clock that the test turns: ours, and the emulator's with it."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead

    def pass_(self, seconds):
        self.ahead += seconds
        self.emulator.advance(seconds)


@pytest.fixture
def clock(emulator):
    return Time(emulator)


@pytest.fixture
def jwt_app(emulator):
    return emulator.add_oauth_app(OAuthApp("app-1", public_keys={"kid-1": key_pair()[1]}))


@pytest.fixture
def jwt_auth(emulator, jwt_app, clock):
    def make(**changes):
        options = {
            "private_key": key_pair()[0],
            "public_key_id": "kid-1",
            "base_url": emulator.base_url,
            "clock": clock,
            **changes,
        }
        return JWTAuth("app-1", **options)

    return make


@pytest.fixture
def device_app(emulator):
    return emulator.add_oauth_app(OAuthApp("device-1"))


@pytest.fixture
def signed_in(emulator, device_app, clock):
    """A user's credential after the sign-in on another device."""

    def make(**changes):
        auth = UserAuth("device-1", base_url=emulator.base_url, clock=clock, **changes)
        with CozeClient(auth=auth) as client:
            code = client.oauth.device_code()
            emulator.answer_device(code.user_code)
            client.oauth.wait_for_user(code)
        return auth

    return make


def run(kind, auth, work):
    """Do something with a client of a kind."""
    if kind == "blocking":
        with CozeClient(auth=auth) as client:
            return work(client)

    async def main():
        async with AsyncCozeClient(auth=auth) as client:
            return await work(client)

    return asyncio.run(main())


KINDS = pytest.mark.parametrize("kind", ["blocking", "awaiting"])


# -- JWT


@KINDS
def test_a_jwt_is_signed_and_traded_for_a_token_once(kind, emulator, jwt_auth):
    auth = jwt_auth()
    for _ in range(3):
        assert run(kind, auth, lambda client: client.users.me()).user_name == "emulated"
    [request] = emulator.requests.to(TOKEN)
    assert request.json == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "duration_seconds": 900,
    }


def test_the_client_takes_the_address_of_its_credential(emulator, jwt_auth):
    assert CozeClient(auth=jwt_auth()).base_url == emulator.base_url
    with pytest.raises(ValueError, match="give both the same base_url"):
        CozeClient(auth=jwt_auth(), region="cn")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"public_key_id": "kid-2"}, "kid"),
        ({"private_key": key_pair("other")[0]}, "signature"),
        ({"audience": "api.coze.com"}, "aud"),
        ({"clock": lambda: time.time() - 4000}, "expired"),
        ({"clock": lambda: time.time() + 4000}, "not valid yet"),
    ],
)
def test_a_jwt_that_is_wrong_is_an_oauth_error_that_says_why(jwt_auth, changes, said):
    with CozeClient(auth=jwt_auth(**changes)) as client:
        with pytest.raises(OAuthError, match=said) as caught:
            client.oauth.sign_in()
    assert caught.value.error == "invalid_request"
    assert "clock" in caught.value.hint
    assert "本机时间" in caught.value.hint


def test_an_unknown_app_is_an_oauth_error(emulator):
    auth = JWTAuth(
        "nobody",
        private_key=key_pair()[0],
        public_key_id="kid-1",
        base_url=emulator.base_url,
    )
    with CozeClient(auth=auth) as client, pytest.raises(OAuthError) as caught:
        client.users.me()
    assert caught.value.error == "invalid_client"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"private_key": "key.pem"}, "Path"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": 86400}, "ttl"),
        ({"public_key_id": " "}, "public_key_id"),
        ({"account_id": "1", "enterprise_id": "2"}, "not both"),
        ({"leeway": -1}, "leeway"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(jwt_auth, arguments, said):
    with pytest.raises(ValueError, match=said):
        jwt_auth(**arguments)


@pytest.mark.parametrize("key", ["-----BEGIN PRIVATE KEY-----\nrubbish\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_refused_without_being_shown(jwt_auth, emulator, key):
    with CozeClient(auth=jwt_auth(private_key=key)) as client:
        with pytest.raises(ValueError, match="not an RSA private key") as caught:
            client.users.me()
    assert "rubbish" not in str(caught.value)
    assert not emulator.requests


def test_a_key_may_be_a_file_or_a_function_or_have_its_line_ends_written_out(jwt_auth, tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(key_pair()[0])
    escaped = key_pair()[0].replace("\n", "\\n")
    for key in (path, lambda: key_pair()[0], escaped):
        with CozeClient(auth=jwt_auth(private_key=key)) as client:
            assert client.users.me().user_name == "emulated"


def test_a_scope_limits_a_token_to_its_bots(emulator, jwt_auth, ask):
    auth = jwt_auth(scope=bot_chat_scope(emulator.bot_id("echo")))
    with CozeClient(auth=auth) as client:
        assert client.chat.create_and_poll(**ask("hi", bot="echo")).answer == "hi"
        with pytest.raises(PermissionDeniedError):
            client.chat.create_and_poll(**ask("hi"))
        with pytest.raises(PermissionDeniedError):
            client.workspaces.list().first_page()


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ({"account_id": "77"}, "/api/permission/oauth2/account/77/token"),
        ({"enterprise_id": "e1"}, "/api/permission/oauth2/enterprise_id/e1/token"),
    ],
)
def test_an_organisation_and_an_enterprise_have_token_endpoints_of_their_own(
    emulator, jwt_auth, where, path
):
    with CozeClient(auth=jwt_auth(**where), server="cloud") as client:
        client.users.me()
    assert emulator.requests[0].path == path


def test_sessions_of_one_app_have_tokens_of_their_own(emulator, jwt_auth):
    auth = jwt_auth()
    for user in ("ann", "ben", "ann"):
        with CozeClient(auth=auth.for_session(user)) as client:
            client.users.me()
    assert len(emulator.requests.to(TOKEN)) == 2


# -- renewing


@KINDS
def test_a_token_is_renewed_ahead_of_its_end(kind, emulator, jwt_auth, clock):
    auth = jwt_auth(ttl=900)
    run(kind, auth, lambda client: client.users.me())
    clock.pass_(900 - 31)
    run(kind, auth, lambda client: client.users.me())
    assert len(emulator.requests.to(TOKEN)) == 1
    clock.pass_(2)
    run(kind, auth, lambda client: client.users.me())
    assert len(emulator.requests.to(TOKEN)) == 2
    signed = [*emulator.requests.to(TOKEN), *emulator.requests.to("/v1/users/me")]
    assert all(request.headers["authorization"] == "Bearer ***" for request in signed)


def test_a_hundred_tasks_cause_one_renewal(emulator, jwt_auth, clock):
    auth = jwt_auth()

    async def main():
        async with AsyncCozeClient(auth=auth) as client:
            for expected in (1, 2):
                await asyncio.gather(*(client.users.me() for _ in range(100)))
                assert len(emulator.requests.to(TOKEN)) == expected
                clock.pass_(901)

    asyncio.run(main())


def test_a_hundred_threads_and_tasks_on_several_loops_cause_one_renewal(emulator, jwt_auth, clock):
    auth = jwt_auth()
    client = CozeClient(auth=auth)
    ready = threading.Barrier(25)

    def blocking():
        ready.wait()
        return client.users.me()

    def awaiting():
        async def main():
            async with AsyncCozeClient(auth=auth) as other:
                await asyncio.gather(*(other.users.me() for _ in range(15)))

        ready.wait()
        asyncio.run(main())

    for expected in (1, 2):
        with ThreadPoolExecutor(25) as pool:
            futures = [pool.submit(awaiting) for _ in range(5)]
            futures += [pool.submit(blocking) for _ in range(20)]
            for future in futures:
                future.result()
        assert len(emulator.requests.to(TOKEN)) == expected
        clock.pass_(901)
    client.close()


@KINDS
def test_a_token_that_the_server_refuses_is_renewed_once(kind, emulator, jwt_auth):
    auth = jwt_auth()
    run(kind, auth, lambda client: client.users.me())
    emulator.revoke_token(auth.token())
    assert run(kind, auth, lambda client: client.users.me()).user_name == "emulated"
    assert len(emulator.requests.to(TOKEN)) == 2


def test_a_server_that_refuses_every_token_is_asked_for_one_more_only(emulator, jwt_auth):
    auth = jwt_auth()
    emulator.faults.add(Fault(status=401, code=4100), path="/v1/users/me", times=10)
    with CozeClient(auth=auth) as client, pytest.raises(AuthenticationError):
        client.users.me()
    assert len(emulator.requests.to(TOKEN)) == 2
    assert len(emulator.requests.to("/v1/users/me")) == 2


def test_a_renewal_ahead_of_time_that_fails_leaves_the_old_token_in_use(emulator, jwt_auth, clock):
    auth = jwt_auth()
    with CozeClient(auth=auth, max_retries=0) as client:
        client.users.me()
        clock.pass_(900 - 20)
        emulator.faults.add(Fault(status=503), path=TOKEN, times=100)
        assert client.users.me().user_name == "emulated"
        asked = len(emulator.requests.to(TOKEN))
        client.users.me()  # not asked again at once
        assert len(emulator.requests.to(TOKEN)) == asked
        clock.pass_(21)  # now it has ended
        with pytest.raises(Exception, match="503"):
            client.users.me()


def test_a_token_shorter_than_its_margin_is_still_used(emulator, jwt_auth):
    auth = jwt_auth(ttl=4, leeway=60)
    with CozeClient(auth=auth) as client:
        client.users.me()
        client.users.me()
    assert len(emulator.requests.to(TOKEN)) == 1


def test_a_clock_of_ours_that_is_wrong_does_not_end_every_token(emulator, signed_in, clock):
    clock.ahead = 5000.0  # ours only
    auth = signed_in()
    with CozeClient(auth=auth) as client:
        client.users.me()
        client.users.me()
    assert len(emulator.requests.to(TOKEN)) == 1


# -- users


@KINDS
def test_a_web_app_trades_a_code_for_a_token(kind, emulator, clock):
    secret = "s3cret-of-the-app"
    emulator.add_oauth_app(
        OAuthApp("web-1", client_secret=secret, redirect_uris=["https://me.example/back"])
    )
    auth = UserAuth(
        "web-1",
        secret,
        redirect_uri="https://me.example/back",
        base_url=emulator.base_url,
        clock=clock,
    )
    sent = auth.authorization(state="abc")
    came_back = httpx.get(sent.url)
    assert came_back.status_code == 302
    query = dict(httpx.URL(came_back.headers["location"]).params)
    assert query["state"] == sent.state == "abc"
    run(kind, auth, lambda client: client.oauth.exchange(query["code"]))
    assert run(kind, auth, lambda client: client.users.me()).user_name == "emulated"
    [request] = emulator.requests.to(TOKEN)
    assert set(request.json) == {"grant_type", "client_id", "redirect_uri", "code"}
    # The code serves once, and the error shows neither it nor the secret.
    with pytest.raises(OAuthError) as caught:
        run(kind, auth, lambda client: client.oauth.exchange(query["code"]))
    assert query["code"] not in str(caught.value) + repr(caught.value.response)
    clock.pass_(880)
    run(kind, auth, lambda client: client.users.me())
    assert emulator.requests.to(TOKEN)[-1].json["grant_type"] == "refresh_token"


def test_pkce_proves_itself_with_a_verifier(emulator):
    emulator.add_oauth_app(OAuthApp("pkce-1", redirect_uris=["https://me.example/back"]))
    auth = UserAuth("pkce-1", redirect_uri="https://me.example/back", base_url=emulator.base_url)
    sent = auth.authorization()
    assert sent.code_verifier not in sent.url + repr(sent)

    def code():
        return httpx.URL(httpx.get(sent.url).headers["location"]).params["code"]

    with CozeClient(auth=auth) as client:
        with pytest.raises(ValueError, match="code_verifier"):
            client.oauth.exchange(code())
        with pytest.raises(OAuthError, match="code_verifier"):
            client.oauth.exchange(code(), code_verifier="wrong")
        client.oauth.exchange(code(), code_verifier=sent.code_verifier)
        assert client.users.me().user_name == "emulated"
    assert "authorization" not in emulator.requests.to(TOKEN)[-1].headers


@KINDS
def test_a_device_waits_until_its_user_has_confirmed(kind, emulator):
    emulator.add_oauth_app(OAuthApp("device-1", interval=0.05))
    auth = UserAuth("device-1", base_url=emulator.base_url)
    code = run(kind, auth, lambda client: client.oauth.device_code(workspace_id="w"))
    assert code.user_code in code.verification_url
    assert code.device_code not in repr(code)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, kind, auth, lambda client: client.oauth.wait_for_user(code))
        while len(emulator.requests.to(TOKEN)) < 3:
            time.sleep(0.01)
        httpx.get(code.verification_url)
        waiting.result(timeout=30)
    assert run(kind, auth, lambda client: client.users.me()).user_name == "emulated"


def test_a_device_that_is_told_to_slow_down_asks_less_often():
    auth = UserAuth("x", base_url="https://api.coze.com")
    flow = auth.wait_for_user(DeviceCode("ABCD", "https://x", "device", 1800, 5))

    def refused(name):
        body = {"error_code": name, "error_message": name}
        return Reply(400, {}, json.dumps(body).encode())

    waits, step = [], next(flow)
    for name in ("authorization_pending", "slow_down", "authorization_pending"):
        assert isinstance(step, Send)
        step = flow.send(refused(name))
        waits.append(step.seconds)
        step = flow.send(None)
    assert waits == [5, 10, 10]


@pytest.mark.parametrize("answer", ["denied", "expired"])
def test_a_device_stops_when_the_user_says_no_or_takes_too_long(
    emulator, device_app, clock, answer
):
    auth = UserAuth("device-1", base_url=emulator.base_url)
    with CozeClient(auth=auth) as client:
        code = client.oauth.device_code()
        if answer == "denied":
            emulator.answer_device(code.user_code, granted=False)
        else:
            emulator.advance(1801)
        with pytest.raises(OAuthError) as caught:
            client.oauth.wait_for_user(code)
    assert caught.value.error == {"denied": "access_denied", "expired": "expired_token"}[answer]


def test_rotating_refresh_tokens_are_kept(emulator, signed_in, clock, tmp_path):
    store = FileStore(tmp_path / "tokens.json")
    auth = signed_in(store=store)
    seen = {store.load(auth.key).refresh_token}
    with CozeClient(auth=auth) as client:
        for _ in range(3):
            clock.pass_(890)
            client.users.me()
            seen.add(store.load(auth.key).refresh_token)
    assert len(seen) == 4
    # Another process finds the last one.
    later = UserAuth(
        "device-1", base_url=emulator.base_url, clock=clock, store=FileStore(store.path)
    )
    clock.pass_(890)
    with CozeClient(auth=later) as client:
        assert client.users.me().user_name == "emulated"


def test_nobody_signed_in_is_said_before_any_request(emulator, device_app):
    with CozeClient(auth=UserAuth("device-1", base_url=emulator.base_url)) as client:
        with pytest.raises(OAuthError, match="nobody is signed in") as caught:
            client.users.me()
    assert "client.oauth" in caught.value.hint
    assert not emulator.requests


def test_signing_out_forgets_the_token(emulator, signed_in):
    auth = signed_in()
    with CozeClient(auth=auth) as client:
        client.oauth.sign_out()
        with pytest.raises(OAuthError, match="nobody is signed in"):
            client.users.me()


def test_users_of_one_service_are_kept_apart(emulator, signed_in):
    auth = signed_in(account="ann")
    assert auth.token() is not None
    with CozeClient(auth=auth.for_account("ben")) as client, pytest.raises(OAuthError, match="ben"):
        client.users.me()


def test_signing_in_a_user_needs_a_credential_of_that_kind(client):
    with pytest.raises(TypeError, match="UserAuth"):
        client.oauth.device_code()


# -- functions


@KINDS
def test_a_function_of_ones_own_gives_the_token(kind, emulator):
    asked = []

    def token():
        asked.append(threading.current_thread())
        return emulator.token if len(asked) > 1 else "pat_old_one"

    auth = FunctionAuth(token)

    def work(client):
        return client.users.me()

    if kind == "blocking":
        with CozeClient(auth=auth, base_url=emulator.base_url) as client:
            assert client.users.me().user_name == "emulated"
    else:

        async def main():
            async with AsyncCozeClient(auth=auth, base_url=emulator.base_url) as client:
                await client.users.me()
                await client.users.me()

        asyncio.run(main())
        assert threading.main_thread() not in asked
    assert len(asked) == 2  # the second one because the first was refused


def test_an_asynchronous_function_serves_the_awaiting_client_only(emulator):
    async def token():
        await asyncio.sleep(0)
        return OAuthToken(emulator.token, time.time() + 900)

    async def main():
        async with AsyncCozeClient(auth=token, base_url=emulator.base_url) as client:
            return await client.users.me()

    assert asyncio.run(main()).user_name == "emulated"


class Promised:
    """A token that can be awaited, though not as a coroutine."""

    def __await__(self):
        yield from ()
        return "pat_x"


@pytest.mark.parametrize("kind", ["function", "object"])
def test_blocking_use_says_what_to_do_with_an_asynchronous_function(emulator, kind):
    async def token():
        return emulator.token

    auth = token if kind == "function" else Promised
    with CozeClient(auth=auth, base_url=emulator.base_url) as client:
        with pytest.raises(TypeError, match=r"AsyncCozeClient only.*ainvoke.*异步方法"):
            client.users.me()


@pytest.mark.parametrize("bad", [5, "pat_x", object()])
def test_what_is_no_credential_is_refused_at_once(bad):
    with pytest.raises(TypeError, match="token="):
        CozeClient(auth=bad)


def test_a_function_that_returns_no_token_is_a_type_error(emulator):
    with CozeClient(auth=lambda: None, base_url=emulator.base_url) as client:
        with pytest.raises(TypeError, match="returned NoneType"):
            client.users.me()


# -- stores


def test_a_token_file_is_for_its_owner_only(tmp_path, caplog):
    path = tmp_path / "deep" / "tokens.json"
    store = FileStore(path)
    store.save("a", OAuthToken("czu_aaa", 5, "r"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert store.load("a").refresh_token == "r"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "could be read by others" in caplog.text
    store.delete("a")
    assert store.load("a") is None


def test_many_writers_lose_nothing(tmp_path):
    stores = [FileStore(tmp_path / "tokens.json") for _ in range(4)]

    def save(number):
        stores[number % 4].save(f"key {number}", OAuthToken(f"czu_{number}", number))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(save, range(100)))
    assert all(stores[0].load(f"key {n}").access_token == f"czu_{n}" for n in range(100))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tokens": 5}', '{"tokens": {"a": {}}}'])
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "tokens.json"
    path.write_text(text)
    with pytest.raises(ValueError):
        FileStore(path).load("a")
    assert path.read_text() == text


_WRITER = """
import sys
from coze_core import FileStore, OAuthToken
store = FileStore(sys.argv[1])
print("ready", flush=True)
for number in range(10**9):
    store.save("key", OAuthToken("czu_" + "x" * 20000, number, "r" * 5000))
"""


def test_a_process_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "tokens.json"
    for delay in (0.0, 0.003, 0.007, 0.013, 0.029, 0.05):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(delay)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        if path.exists():
            token = FileStore(path).load("key")
            assert len(token.access_token) == 20004
    # And its locks are gone with it.
    FileStore(path).save("key", OAuthToken("czu_y", 1))


_RENEWER = """
import sys, time
from coze_core import CozeClient, FileStore, UserAuth
path, base_url = sys.argv[1:]
clock = lambda: time.time() + 901
auth = UserAuth("device-1", base_url=base_url, store=FileStore(path), clock=clock)
with CozeClient(auth=auth) as client:
    print("ready", flush=True)
    sys.stdin.readline()
    print(client.users.me().user_name)
"""


def test_processes_that_share_a_file_renew_one_after_the_other(emulator, signed_in, tmp_path):
    path = tmp_path / "tokens.json"
    signed_in(store=FileStore(path))
    before = len(emulator.requests.to(TOKEN))
    emulator.advance(901)
    others = [
        subprocess.Popen(
            [sys.executable, "-c", _RENEWER, str(path), emulator.base_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for other in others:
        assert other.stdout.readline() == "ready\n"
    outputs = [other.stdin.write("go\n") and other.stdin.flush() for other in others]
    outputs = [other.communicate(timeout=60)[0] for other in others]
    assert outputs == ["emulated\n"] * 4
    assert len(emulator.requests.to(TOKEN)) == before + 1


def test_the_systems_keyring_keeps_tokens(monkeypatch, signed_in):
    import keyring
    from keyring.backend import KeyringBackend

    class Kept(KeyringBackend):
        priority = 1

        def __init__(self):
            self.entries = {}

        def get_password(self, service, username):
            return self.entries.get((service, username))

        def set_password(self, service, username, password):
            self.entries[service, username] = password

        def delete_password(self, service, username):
            from keyring.errors import PasswordDeleteError

            if self.entries.pop((service, username), None) is None:
                raise PasswordDeleteError

    before = keyring.get_keyring()
    keyring.set_keyring(Kept())
    try:
        auth = signed_in(store=KeyringStore())
        assert KeyringStore().load(auth.key).access_token == auth.token()
        KeyringStore().delete(auth.key)
        KeyringStore().delete(auth.key)
        assert KeyringStore().load(auth.key) is None
    finally:
        keyring.set_keyring(before)


# -- secrets


def test_no_secret_shows_in_a_representation_or_a_pickle(emulator, signed_in, jwt_auth, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text(key_pair()[0])
    jwt = jwt_auth(private_key=key, clock=time.time)
    user = signed_in(store=FileStore(tmp_path / "tokens.json"))
    with CozeClient(auth=jwt) as client:
        client.users.me()
    secrets = [jwt.token(), user.token(), FileStore(tmp_path / "tokens.json").load(user.key)]
    secrets[2] = secrets[2].refresh_token
    user._clock = time.time
    for auth in (jwt, user):
        client = CozeClient(auth=auth)
        frozen = pickle.dumps(client)
        shown = repr(auth) + repr(client) + repr(auth.store) + repr(vars(auth).get("_kept"))
        for secret in secrets:
            assert secret not in shown
            assert secret.encode() not in frozen
        with pickle.loads(frozen) as thawed:
            assert thawed.users.me().user_name == "emulated"


def test_a_credential_that_holds_a_secret_is_not_pickled(jwt_auth, emulator):
    with pytest.raises(TypeError, match="private key"):
        pickle.dumps(jwt_auth())
    with pytest.raises(TypeError, match="client secret"):
        pickle.dumps(UserAuth("web", "secret", base_url=emulator.base_url))
    assert pickle.loads(pickle.dumps(MemoryStore())).load("x") is None


def test_a_server_that_repeats_the_secrets_does_not_make_us_show_them(device_app, emulator):
    refresh = "not-of-a-known-form-0001"
    body = json.dumps({"error_code": "invalid_request", "error_message": f"bad {refresh}"})
    emulator.faults.add(Fault(status=400, body=body.encode()), path=TOKEN)
    auth = UserAuth("device-1", base_url=emulator.base_url, token=OAuthToken("czu_x", 0, refresh))
    with CozeClient(auth=auth) as client, pytest.raises(OAuthError) as caught:
        client.users.me()
    assert refresh not in str(caught.value) + caught.value.response.text


# -- the configuration file of the official SDKs


def test_an_apps_configuration_file_is_read(emulator, jwt_app, tmp_path):
    path = tmp_path / "coze_oauth_config.json"
    config = {
        "client_type": "jwt",
        "client_id": "app-1",
        "coze_api_base": emulator.base_url,
        "private_key": key_pair()[0],
        "public_key_id": "kid-1",
    }
    path.write_text(json.dumps(config))
    with CozeClient(auth=load_auth(path)) as client:
        assert client.users.me().user_name == "emulated"
    device = load_auth({**config, "client_type": "device"}, store=MemoryStore())
    assert isinstance(device, UserAuth)
    for wrong in ({"client_type": "other"}, {"client_type": "web"}):
        with pytest.raises(ValueError, match="client_type"):
            load_auth({**config, **wrong})
    with pytest.raises(ValueError, match="cannot be read"):
        load_auth(tmp_path / "missing.json")


def test_the_sign_in_page_belongs_to_the_region():
    pages = {
        region: UserAuth("x", region=region).authorization(redirect_uri="https://a/b").url
        for region in ("com", "cn")
    }
    assert pages["com"].startswith("https://www.coze.com/api/permission/oauth2/authorize?")
    assert pages["cn"].startswith("https://www.coze.cn/api/permission/oauth2/authorize?")


def test_a_token_endpoint_that_cannot_be_reached_is_a_connection_error():
    auth = UserAuth("x", base_url="http://127.0.0.1:9", token=OAuthToken("czu_x", 0, "r"))
    with CozeClient(auth=auth) as client, pytest.raises(APIConnectionError):
        client.users.me()


def test_studio_has_no_oauth(jwt_app):
    with Emulator(profile="studio") as studio:
        auth = JWTAuth(
            "app-1",
            private_key=key_pair()[0],
            public_key_id="kid-1",
            base_url=studio.base_url,
        )
        with CozeClient(auth=auth) as client:
            with pytest.raises(UnsupportedError, match="personal token"):
                client.oauth.sign_in()
            with pytest.raises(UnsupportedError, match="personal token"):
                client.chat.create(bot_id="1", user_id="u")
        assert {request.path for request in studio.requests} == {"/v3/chat/retrieve"}
