"""Where a client may send its token, and what it says of addresses that cannot be."""

import asyncio
import gc
import socket
import ssl
import threading
from pathlib import Path

import pytest
from wire import RawServer, reply

from coze_core import (
    APIConnectionError,
    AsyncCozeClient,
    AuthenticationError,
    CozeClient,
    CozeError,
)

SELF_SIGNED = Path(__file__).parents[1] / "support" / "self_signed.pem"


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "Https"])
def test_a_certificate_is_verified_however_the_scheme_is_written(scheme, monkeypatch):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(SELF_SIGNED)
    with RawServer(lambda connection, *_: connection.sendall(reply({"code": 0})), tls) as server:
        address = f"{scheme}://LocalHost:{server.port}"
        monkeypatch.setenv("COZE_API_BASE", address)
        for client in (CozeClient("pat_x", base_url=address, max_retries=0), CozeClient("pat_x")):
            client = client.with_options(max_retries=0)
            assert client.base_url == f"https://localhost:{server.port}"
            with client, pytest.raises(APIConnectionError, match="certificate"):
                client.users.me()
        assert server.requests == []


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
def test_an_untrusted_certificate_is_told_what_to_do_about_it(engine, monkeypatch):
    monkeypatch.setenv("COZE_HTTP_ENGINE", engine)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(SELF_SIGNED)
    with RawServer(lambda connection, *_: connection.sendall(reply({"code": 0})), tls) as server:
        options = {"base_url": f"https://localhost:{server.port}", "max_retries": 0}

        async def awaiting():
            async with AsyncCozeClient("pat_x", **options) as client:
                await client.users.me()

        for call in (CozeClient("pat_x", **options).users.me, lambda: asyncio.run(awaiting())):
            with pytest.raises(APIConnectionError) as caught:
                call()
            assert "SSL_CERT_FILE" in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        *("http://h:x", "http://h:99999", "http://a\tb.com", "http://a b.com", "http://.."),
        *(f"http://{'a' * 64}.com", "http://xn--a.com", "http://[::1", "http://:pw1234@h"),
    ],
)
@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
def test_an_address_that_cannot_be_is_refused_at_once_and_not_shown(kind, address):
    with pytest.raises(ValueError, match="base_url") as caught:
        kind("pat_x", base_url=address)
    assert "pw1234" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("proxy", ["x", "ftp://x", "http://u:pw1234@h:x", "http://"])
@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
def test_a_proxy_that_cannot_be_is_refused_at_once_and_not_shown(kind, proxy):
    with pytest.raises(ValueError, match="proxy must be a URL") as caught:
        kind("pat_x", proxy=proxy)
    assert "pw1234" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTP://Example.COM:80/Prefix/", "http://example.com:80/Prefix"),
        ("http://[::1]:8888", "http://[::1]:8888"),
        ("https://api.coze.cn.", "https://api.coze.cn."),
        ("http://my_host", "http://my_host"),
        ("http://扣子.example", "http://扣子.example"),
    ],
)
def test_an_address_is_kept_in_one_spelling(given, kept):
    assert CozeClient("pat_x", base_url=given).base_url == kept


def sign_in_first(connection, request, number):
    connection.sendall(
        b"HTTP/1.1 407 Proxy Authentication Required\r\n"
        b'proxy-authenticate: Basic realm="office"\r\ncontent-length: 0\r\n\r\n'
    )
    return True


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
@pytest.mark.parametrize("host", ["http://coze.invalid", "https://coze.invalid"])
def test_a_proxy_that_wants_a_sign_in_is_told_from_a_token_that_is_refused(kind, host):
    with RawServer(sign_in_first) as proxy:
        options = {"base_url": host, "proxy": proxy.base_url, "max_retries": 0}

        def blocking():
            with CozeClient("pat_x", **options) as client:
                client.users.me()

        async def awaiting():
            async with AsyncCozeClient("pat_x", **options) as client:
                await client.users.me()

        with pytest.raises(CozeError) as caught:
            blocking() if kind is CozeClient else asyncio.run(awaiting())
    assert not isinstance(caught.value, AuthenticationError)
    assert "user:password@" in caught.value.hint_en
    assert "代理" in caught.value.hint_zh
    assert "密码" in str(caught.value)


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket"
)  # the library forgets to close it
def test_a_proxy_of_socks_that_wants_a_sign_in_gets_the_same_hint():
    def serve():
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"\x05\xff")  # no acceptable way to sign in

    def hint():
        proxy = f"socks5://127.0.0.1:{listening.getsockname()[1]}"
        with CozeClient("pat_x", proxy=proxy, max_retries=0) as client:
            try:
                client.users.me()
            except CozeError as error:
                return error.hint_en

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        assert "user:password@" in hint()
        gc.collect()
