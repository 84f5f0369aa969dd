"""Those judgements of the doctor that no emulator can bring about: pure functions of facts."""

import httpx
import pytest

from coze_core.cli._doctor import address, dns, proxy, server, tcp, tls, token_form, versions
from coze_core.cli._doctor.versions import Package

# -- versions


@pytest.mark.parametrize(
    ("installed", "spec", "fits"),
    [
        ("1.7", ">=1.7,<2", True),
        ("1.7.2", "<2,>=1.7", True),
        ("1.6.9", ">=1.7,<2", False),
        ("2.0.0", ">=1.7,<2", False),
        ("0.14.24.post1", ">=0.14.24,<0.15", True),
        ("2.7", ">=2.7.4", False),
        ("1.0", "", True),
        ("1.0", "==1.0.0", True),
    ],
)
def test_a_version_fits_or_not(installed, spec, fits):
    assert versions.fits(Package("x", spec, "", installed)) == fits


def test_a_framework_out_of_range_is_a_warning_with_the_command():
    old = Package("langchain-core", ">=1.7,<2", "langchain", "0.3.1")
    told = versions.judge("3.12.1", [old])
    assert told.status == "warning"
    assert "langchain-core 0.3.1 (wanted >=1.7,<2)" in told.found
    assert "pip install 'langchain-core>=1.7,<2'" in told.fix_en


def test_missing_extras_are_told():
    told = versions.judge("3.12.1", [Package("h11", ">=0.14", "emulator", None)])
    assert told.status == "ok"
    assert "extras not installed: emulator" in told.found


def test_our_own_requirements_are_read():
    names = {package.name for package in versions.probe()}
    assert {"httpx", "pydantic", "anyio"} <= names


# -- addresses

REGIONS = {"com": "https://api.coze.com", "cn": "https://api.coze.cn"}


@pytest.mark.parametrize(
    ("base_url", "status"),
    [
        ("https://api.coze.cn", "ok"),
        ("https://coze.example.com/api", "ok"),
        ("http://studio:8888", "ok"),
        ("https://api.coze.cn/api", "failed"),
        ("https://coze.example.com/open_api/v2", "failed"),
        ("https://www.coze.cn/space/7", "failed"),
        ("https://ada:secret@api.coze.cn", "failed"),
    ],
)
def test_an_address_may_have_a_path_where_somebody_else_serves(base_url, status):
    told = address.judge(base_url, "option", REGIONS)
    assert told.status == status
    assert "secret" not in told.found


# -- proxies


@pytest.mark.parametrize(
    ("base_url", "proxies", "expected"),
    [
        ("https://api.coze.com", {}, None),
        ("https://api.coze.com", {"https": "http://p:1"}, "http://p:1"),
        ("https://api.coze.com", {"https": "p:1"}, "http://p:1"),
        ("https://api.coze.com", {"http": "http://p:1"}, None),
        ("https://api.coze.com", {"all": "socks5://p:1"}, "socks5://p:1"),
        ("https://api.coze.com", {"https": "http://p:1", "no": "coze.com"}, None),
        ("https://api.coze.com", {"https": "http://p:1", "no": ".coze.com"}, None),
        ("https://coze.com", {"https": "http://p:1", "no": ".coze.com"}, "http://p:1"),
        ("https://notcoze.com", {"https": "http://p:1", "no": "coze.com"}, "http://p:1"),
        ("https://api.coze.com", {"https": "http://p:1", "no": "a, *"}, None),
        ("http://127.0.0.1:8888", {"http": "http://p:1", "no": "127.0.0.1"}, None),
        ("http://localhost:8888", {"http": "http://p:1", "no": "localhost"}, None),
        ("http://host:8888", {"http": "http://p:1", "no": "host:9"}, "http://p:1"),
        ("http://host:8888", {"http": "http://p:1", "no": "host:8888"}, None),
    ],
)
def test_the_proxy_is_the_one_that_requests_take(base_url, proxies, expected, monkeypatch):
    assert proxy.chosen(base_url, proxies)[0] == expected
    for name, value in proxies.items():
        monkeypatch.setenv(f"{name.upper()}_PROXY", value)
    # What the HTTP library itself would do; it has no public way to ask.
    with httpx.Client() as client:
        transport = client._transport_for_url(httpx.URL(base_url))
        assert (transport is client._transport) == (expected is None)


def test_socks_needs_a_package():
    told = proxy.judge(proxy.Proxy("socks5://127.0.0.1:1080", can_socks=False))
    assert told.status == "failed"
    assert "coze-bridge[socks]" in told.fix_en


def test_a_proxy_that_refuses_a_tunnel_is_told():
    error = "the connection to api.coze.com failed: HTTP/1.1 407 Proxy Authentication Required"
    told = server.judge(server.Served(error=error), "https://api.coze.com", 5, "http://p:1")
    assert "the proxy wants to know who you are" in told.found


def test_a_certificate_that_only_shows_behind_a_proxy_is_told():
    error = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
    told = server.judge(server.Served(error=error), "https://api.coze.com", 5, "http://p:1")
    assert "SSL_CERT_FILE" in told.fix_en


# -- the network


def test_a_firewall_that_swallows_packets_is_told_from_a_closed_port():
    silent = tcp.judge("api.coze.com", 443, tcp.Reached(error="timed out", timed_out=True))
    closed = tcp.judge("api.coze.com", 443, tcp.Reached(error="Connection refused"))
    assert "firewall" in silent.fix_en
    assert "running" in closed.fix_en


def test_a_name_that_is_there_is_told_with_its_addresses():
    assert dns.judge("x", dns.Found(("1.2.3.4", "::1"))).found == "1.2.3.4, ::1"


def test_a_broken_handshake_is_not_called_a_bad_certificate():
    told = tls.judge("x", tls.Shaken(error="Connection reset by peer"))
    assert "no secure connection" in told.found


# -- tokens


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("pat_abcdefgh", "personal access token"),
        ("sat_abcdefgh", "service access token"),
        ("czs_abcdefgh", "OAuth token of an application"),
        ("czu_abcdefgh", "OAuth token of a user"),
    ],
)
def test_kinds_of_tokens_are_told_by_how_they_begin(token, kind):
    told = token_form.judge(token, "--token")
    assert (told.status, told.found) == ("ok", f"{kind}, 12 characters (--token)")


def test_an_unknown_kind_of_token_is_a_warning():
    assert token_form.judge("abcdefghijkl", "--token").status == "warning"
