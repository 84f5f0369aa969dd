"""Token endpoints, stores and callers that misbehave: what a credential makes of them."""

import json
import time

import pytest
from wire import RawServer, reply

from coze_core import (
    CozeClient,
    DeviceCode,
    FileStore,
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
        self.server = RawServer(self._answer)
        self.asked = []  # the bodies of the requests for tokens

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    def _answer(self, connection, request, _):
        head, _, body = request.partition(b"\r\n\r\n")
        if TOKEN not in head:
            connection.sendall(reply(ME))
            return True
        self.asked.append(json.loads(body))
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
