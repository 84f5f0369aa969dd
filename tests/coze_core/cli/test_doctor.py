"""`coze doctor` names the right cause for each way in which a set-up can be broken."""

import datetime as dt
import ipaddress
import json
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from coze_core.emulator import Bot, Emulator, Fail, Fault, OAuthApp, Pause

PERMISSIONS = [
    *("Connector.botChat", "Bot", "Workspace", "Conversation", "Message", "File", "Workflow")
]


@pytest.fixture
def doctor(coze):
    """Examine; returns what was found by check, the exit code, and all that was said."""

    def examine(*arguments):
        done = coze("doctor", "--json", *arguments)
        assert done.exit_code in {0, 1}, done.output
        report = json.loads(done.stdout)
        assert report["ok"] == (done.exit_code == 0)
        return Report({check["name"]: check for check in report["checks"]}, done)

    return examine


class Report:
    def __init__(self, checks, done):
        self.checks = checks
        self.exit_code = done.exit_code
        self.text = done.output

    def named(self, status):
        return [name for name, check in self.checks.items() if check["status"] == status]

    @property
    def cause(self):
        """The only check that failed, in words."""
        (name,) = self.named("failed")
        check = self.checks[name]
        assert check["fix_en"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in check["fix_zh"])
        return name, check["found"], check["fix_en"]


def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


# -- nothing is wrong


def test_a_good_setup_is_healthy(doctor):
    report = doctor()
    assert report.exit_code == 0
    assert not report.named("failed")
    assert not report.named("warning")
    assert report.named("skipped") == ["tls", "sign-in"]
    assert "first token after" in report.checks["chat"]["found"]
    assert "accepted, as emulated" in report.checks["access"]["found"]


def test_for_people_there_is_a_line_for_each_check(coze, emulator):
    emulator.add_token("pat_reader", permissions=["Bot", "Workspace"])
    done = coze("doctor", "--token", "pat_reader")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("failed   permissions") for line in lines)
    assert sum("-> " in line for line in lines) == 2
    assert lines[-1] == "Mend first: permissions / 请先解决: permissions"
    assert coze("doctor").stdout.splitlines()[-1] == "Nothing is broken / 未发现问题"
    assert done.stderr == ""


def test_without_a_chat_the_bot_is_not_asked(doctor, emulator):
    report = doctor("--no-chat")
    assert report.exit_code == 0
    assert {"quota", "chat"} <= set(report.named("skipped"))
    asked = [request.json["bot_id"] for request in emulator.requests.to("/v3/chat")]
    assert asked == ["1"]  # the probe of the permission, which no bot answers


def test_it_changes_nothing(doctor, emulator):
    doctor()
    stored = [emulator._state.store.all(kind) for kind in ("conversation", "file")]
    assert [len(found) for found in stored] == [1, 0]
    assert emulator.requests.to("/v3/chat")[-1].json["auto_save_history"] is False


def test_a_studio_is_known_and_healthy(doctor, studio):
    report = doctor("--base-url", studio.base_url, "--bot", studio.bot_id("assistant"))
    assert report.exit_code == 0, report.text
    assert "Coze Studio" in report.checks["server"]["found"]
    assert report.checks["permissions"]["status"] == "skipped"


def test_without_a_bot_the_rest_is_checked(doctor, monkeypatch):
    monkeypatch.delenv("COZE_BOT_ID")
    report = doctor()
    assert report.exit_code == 0
    assert {"bot", "quota", "chat"} <= set(report.named("skipped"))


# -- the token


def test_a_wrong_token(doctor):
    report = doctor("--token", "pat_of_somebody_else")
    name, found, _ = report.cause
    assert name == "access"
    assert "mistyped, expired or revoked" in found
    assert {"permissions", "bot", "quota", "chat"} <= set(report.named("skipped"))


def test_a_revoked_token(doctor, emulator):
    emulator.revoke_token(emulator.token)
    assert doctor().cause[0] == "access"


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("", "is empty"),
        ("Bearer pat_abcdefgh", "the word 'Bearer'"),
        ("pat_abc defgh", "has spaces"),
        ("pat_abc\ndefgh", "line end in it"),
        ('"pat_abcdefgh"', "quotes"),
        ("pat_令牌", "full-width"),
        ("pat_xxxxxxxx", "placeholder"),
        ("your_token", "placeholder"),
        ("sk-abcdefgh", "OpenAI"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "JWT"),
    ],
)
def test_a_malformed_token(doctor, monkeypatch, emulator, token, says):
    monkeypatch.setenv("COZE_API_TOKEN", token)
    report = doctor()
    name, found, _ = report.cause
    assert name == "token"
    assert says in found or (not token and "there is no token" in found)
    assert {"access", "permissions", "chat"} <= set(report.named("skipped"))
    assert "server" in report.named("ok")
    assert len(token) < 5 or token not in report.text
    assert all("authorization" not in request.headers for request in emulator.requests)


def test_a_line_end_around_a_token_is_told_but_harmless(doctor, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", f"{emulator.token}\n")
    report = doctor()
    assert report.exit_code == 0
    assert "line end" in report.checks["token"]["found"]


def test_no_token_at_all(doctor, monkeypatch):
    monkeypatch.delenv("COZE_API_TOKEN")
    assert doctor().cause[:2] == ("token", "there is no token")


def test_an_expired_token(doctor, emulator):
    emulator.add_token("czu_user", expires_in=900)
    assert doctor("--token", "czu_user", "--no-chat").exit_code == 0
    emulator.add_token("czu_user", expires_in=-1)
    name, found, fix = doctor("--token", "czu_user").cause
    assert name == "access"
    assert "expired" in found
    assert "coze auth login" in fix


def test_a_token_of_another_region(doctor, emulator):
    with Emulator(token="pat_of_the_other_region") as other:
        hosts = ("--region-host", f"com={emulator.base_url}")
        hosts += ("--region-host", f"cn={other.base_url}")
        name, found, fix = doctor("--token", "pat_of_the_other_region", *hosts).cause
        assert name == "access"
        assert "belongs to the region cn" in found
        assert "--region cn" in fix
        right = doctor("--token", "pat_of_the_other_region", "--region", "cn", *hosts)
        assert "region cn" in right.checks["address"]["found"]
        assert right.exit_code == 0, right.text


def test_a_line_end_does_not_hide_the_region(doctor, emulator, monkeypatch):
    with Emulator(token="pat_of_the_other_region") as other:
        monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_other_region\n")
        hosts = ("--region-host", f"com={emulator.base_url}")
        report = doctor(*hosts, "--region-host", f"cn={other.base_url}")
        assert "belongs to the region cn" in report.cause[1]


def test_a_token_is_shown_to_no_other_region_if_the_host_is_not_cozes(doctor):
    with Emulator(token="pat_of_the_other_region") as other:
        report = doctor(
            "--token", "pat_of_the_other_region", "--region-host", f"cn={other.base_url}"
        )
        assert report.cause[0] == "access"
        assert not other.requests


def test_a_token_without_the_permission_to_chat(doctor, emulator):
    emulator.add_token("pat_reader", permissions=["Bot", "Workspace", "Conversation", "Message"])
    name, found, fix = doctor("--token", "pat_reader").cause
    assert name == "permissions"
    assert "Connector.botChat: chats" in found
    assert "File" in found
    assert "Connector.botChat" in fix


def test_a_token_without_the_permission_to_read(doctor, emulator):
    emulator.add_token("pat_chatter", permissions=["Connector.botChat"])
    report = doctor("--token", "pat_chatter")
    assert report.exit_code == 0
    assert report.named("warning") == ["permissions", "bot"]
    found = report.checks["permissions"]["found"]
    assert all(f"{name}: " in found for name in PERMISSIONS[1:])
    assert "Connector.botChat" not in found
    assert "the server says: 'The token does not have the required permission: Bot'" in found
    assert "first token" in report.checks["chat"]["found"]


def test_a_token_that_may_chat_with_some_bots_only(doctor, emulator):
    emulator.add_token("pat_scoped", bot_ids=[emulator.bot_id("echo")])
    name, found, _ = doctor("--token", "pat_scoped").cause
    assert name == "permissions"
    assert "may chat with other bots only" in found
    report = doctor("--token", "pat_scoped", "--bot", emulator.bot_id("echo"))
    assert report.exit_code == 0, report.text


# -- a stored sign-in


@pytest.fixture
def signed_in(coze, emulator, monkeypatch):
    monkeypatch.delenv("COZE_API_TOKEN")
    emulator.add_oauth_app(OAuthApp("app-1", device_answer="granted"))
    assert coze("auth", "login", "--client-id", "app-1").exit_code == 0


def test_a_stored_sign_in_is_healthy(doctor, signed_in):
    report = doctor()
    assert report.exit_code == 0, report.text
    assert report.checks["sign-in"]["status"] == "ok"
    assert "coze auth login" in report.checks["token"]["found"]


def test_a_sign_in_that_has_ended_for_good(doctor, signed_in, emulator, tmp_path):
    path = tmp_path / "coze-bridge" / "tokens.json"
    data = json.loads(path.read_text())
    for token in data["tokens"].values():
        token.update(expires_at=1.0, refresh_token="used-before")
    path.write_text(json.dumps(data))
    report = doctor()
    name, found, fix = report.cause
    assert name == "sign-in"
    assert "cannot be renewed" in found
    assert "coze auth login" in fix
    assert "used-before" not in report.text


def test_a_damaged_file_of_sign_ins_is_named(coze, monkeypatch, tmp_path):
    monkeypatch.delenv("COZE_API_TOKEN")
    (tmp_path / "coze-bridge").mkdir()
    (tmp_path / "coze-bridge" / "sign_ins.json").write_text("{")
    done = coze("doctor")
    assert done.exit_code == 2
    assert "sign_ins.json" in done.stderr


# -- the bot


@pytest.mark.parametrize(
    ("bot", "says"),
    [
        ("1234567890", "there is no bot 1234567890"),
        ("7.35e+18", "took it for a number"),
        ("7,350,000,000,000,000,002", "took it for a number"),
        ("https://www.coze.com/space/73/bot/7350000000000000002", "an address"),
        ("assistant", "is not a number"),
    ],
)
def test_an_unknown_bot(doctor, bot, says):
    name, found, _ = doctor("--bot", bot).cause
    assert name == "bot"
    assert says in found


def test_a_bot_id_that_was_rounded(doctor):
    _, _, fix = doctor("--bot", "7379462189365199000").cause
    assert "rounded" in fix


def test_a_bot_that_is_not_published(doctor, emulator):
    name, found, fix = doctor("--bot", emulator.bot_id("unpublished")).cause
    assert name == "bot"
    assert "not published to the API channel" in found
    assert "Publish" in fix


def test_a_bot_that_is_not_published_and_may_not_be_read(doctor, emulator):
    emulator.add_token("pat_chatter", permissions=["Connector.botChat"])
    report = doctor("--token", "pat_chatter", "--bot", emulator.bot_id("unpublished"))
    name, found, fix = report.cause
    assert name == "chat"
    assert "4015" in found
    assert "Publish" in fix


def test_a_bot_that_fails(doctor, emulator):
    async def broken(messages, context):
        yield Fail(5000, "event interval error")

    name, found, _ = doctor("--bot", emulator.add_bot(Bot("broken", broken)).id).cause
    assert name == "chat"
    assert "event interval error (code 5000, logid " in found


# -- the server


def test_a_web_page_instead_of_the_api(doctor, emulator):
    page = Fault(status=200, body=b"<!doctype html><html></html>", content_type="text/html")
    emulator.faults.add(page, times=100)
    report = doctor()
    name, found, fix = report.cause
    assert name == "server"
    assert "a web page answers" in found
    assert "API host" in fix
    assert all("authorization" not in request.headers for request in emulator.requests)


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        ("https://www.coze.com", "Set base_url to https://api.coze.com"),
        ("https://coze.cn", "Set base_url to https://api.coze.cn"),
        ("https://api.coze.com/v3", "Set base_url to https://api.coze.com"),
        ("api.coze.com", "https://api.coze.com"),
        ("http://127.0.0.1:eighty", "https://api.coze.com"),
    ],
)
def test_an_address_that_is_wrong_by_its_looks(doctor, base_url, says):
    name, _, fix = doctor("--base-url", base_url).cause
    assert name == "address"
    assert says in fix


def test_a_server_that_redirects(doctor, emulator):
    with Emulator() as target:
        where = {"Location": f"{target.base_url}/v1/users/me"}
        emulator.faults.add(Fault(status=301, body=b"", headers=where), times=100)
        name, found, fix = doctor().cause
        assert name == "server"
        assert f"redirects to {target.base_url}" in found
        assert f"Set base_url to {target.base_url} " in fix
        assert not target.requests


def test_a_server_that_is_not_coze(doctor, emulator):
    other = Fault(status=404, body=b'{"error": "x"}', content_type="application/json")
    emulator.faults.add(other, times=100)
    name, found, _ = doctor().cause
    assert (name, "not Coze" in found) == ("server", True)


def test_a_server_in_trouble(doctor, emulator):
    emulator.faults.add(Fault(status=502, body=b"<html>Bad gateway</html>"), times=100)
    name, found, _ = doctor().cause
    assert (name, "HTTP 502" in found) == ("server", True)


def test_a_closed_port(doctor):
    port = closed_port()
    name, found, _ = doctor("--base-url", f"http://127.0.0.1:{port}").cause
    assert name == "tcp"
    assert f"127.0.0.1:{port}" in found


@pytest.mark.parametrize("host", ["nowhere.invalid", "api..coze.com", "a" * 70 + ".com"])
def test_a_name_that_does_not_exist(doctor, host):
    report = doctor("--base-url", f"http://{host}")
    name, found, _ = report.cause
    assert name == "dns"
    assert host in found
    assert report.checks["chat"]["found"] == "because of: dns"


def test_a_proxy_that_is_dead(doctor, monkeypatch):
    port = closed_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://ada:secret@127.0.0.1:{port}")
    report = doctor()
    name, found, fix = report.cause
    assert name == "proxy"
    assert f"http://127.0.0.1:{port} does not answer" in found
    assert "NO_PROXY" in fix
    assert "secret" not in report.text
    monkeypatch.setenv("NO_PROXY", "example.com, 127.0.0.1")
    assert doctor().exit_code == 0


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("ftp://127.0.0.1:1", "the proxy ftp://127.0.0.1:1 is of an unknown kind"),
        ("http://127.0.0.1:eighty", "its port is not a number"),
        ("http://a..b:80", "the proxy http://a..b:80 does not answer"),
    ],
)
def test_a_proxy_that_cannot_be(doctor, monkeypatch, proxy, says):
    monkeypatch.setenv("ALL_PROXY", proxy)
    name, found, _ = doctor().cause
    assert name == "proxy"
    assert says in found


def test_a_proxy_that_answers_in_the_servers_place(doctor, emulator, monkeypatch):
    # An emulator as proxy: it takes the whole address for a path.
    with Emulator() as proxy:
        page = Fault(status=407, body=b"<html></html>", content_type="text/html")
        proxy.faults.add(page, times=100)
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url)
        name, found, fix = doctor().cause
        assert name == "server"
        assert proxy.base_url in found
        assert "user:password" in fix


def test_a_server_that_is_too_slow(doctor, emulator):
    emulator.faults.add(Fault(wait=60), times=100)
    name, found, fix = doctor("--timeout", "0.3").cause
    assert (name, found) == ("server", "no answer within 0.3 s")
    assert "--timeout" in fix


def test_a_bot_that_is_too_slow(doctor, emulator):
    async def sleepy(messages, context):
        yield Pause(60)
        yield "hello"

    bot = emulator.add_bot(Bot("sleepy", sleepy)).id
    name, found, _ = doctor("--timeout", "0.5", "--bot", bot).cause
    assert name == "chat"
    assert "says nothing for 0.5 s" in found


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_a_clock_that_is_wrong(doctor, emulator, seconds):
    emulator.advance(seconds)
    report = doctor()
    assert report.exit_code == 0
    assert report.named("warning") == ["clock"]
    told = report.checks["clock"]
    assert ("behind" if seconds > 0 else "ahead of") in told["found"]
    assert "NTP" in told["fix_en"]


def test_a_wrong_clock_is_a_failure_for_who_signs_in(doctor, signed_in, emulator):
    emulator.advance(600)
    assert "clock" in doctor().named("failed")


def test_a_quota_that_is_used_up(doctor, emulator):
    async def broke(messages, context):
        yield Fail(4028, "You have used all the free quota.")

    bot = emulator.add_bot(Bot("broke", broke)).id
    name, found, fix = doctor("--bot", bot).cause
    assert name == "quota"
    assert "(code 4028)" in found
    assert "upgrade" in fix
    emulator.faults.add(Fault(code=4028), path="/v3/chat", times=100)
    assert doctor().cause[0] == "quota"


def test_a_studio_with_a_token_of_the_cloud(doctor, studio):
    report = doctor("--base-url", studio.base_url, "--token", "pat_of_the_cloud")
    name, _, fix = report.cause
    assert name == "access"
    assert "Coze Studio" in fix


# -- certificates


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate that signs itself; returns the files of it and of its key."""

    def make(name, days=2):
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "emulator")])
        now = dt.datetime.now(dt.UTC)
        alternative = (
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(who)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=9))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
        cert_file.write_bytes(made.public_bytes(pem))
        form = serialization.PrivateFormat.PKCS8
        key_file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        return context, cert_file

    return make


def test_a_certificate_that_is_not_trusted(doctor, certificate):
    context, _ = certificate("127.0.0.1")
    with Emulator(tls=context) as emulator:
        name, found, fix = doctor("--base-url", emulator.base_url).cause
        assert name == "tls"
        assert "self-signed certificate" in found
        assert "SSL_CERT_FILE" in fix


@pytest.mark.parametrize(
    ("name", "days", "says"),
    [
        ("127.0.0.1", 2, None),
        ("other.example", 2, "another name"),
        ("127.0.0.1", -1, "clock"),
    ],
)
def test_a_certificate_of_an_authority_that_was_named(process, certificate, name, days, says):
    context, file = certificate(name, days)
    with Emulator(tls=context) as emulator:
        arguments = ("--base-url", emulator.base_url, "--bot", emulator.bot_id("echo"))
        done = process("doctor", "--json", *arguments, env={"SSL_CERT_FILE": str(file)})
    report = Report({c["name"]: c for c in json.loads(done.stdout)["checks"]}, FakeDone(done))
    if says is None:
        assert report.exit_code == 0, report.text
        assert report.checks["tls"]["found"].startswith("TLSv1")
    else:
        assert report.cause[0] == "tls"
        assert says in report.cause[2]


class FakeDone:
    def __init__(self, done):
        self.exit_code, self.output = done.returncode, done.stdout + done.stderr


def test_https_where_there_is_only_http(doctor, emulator):
    name, _, fix = doctor("--base-url", emulator.base_url.replace("http", "https")).cause
    assert name == "tls"
    assert "http://" in fix


# -- secrets


def test_the_token_is_never_shown(doctor, coze, emulator):
    secret = emulator.add_token("odd-token-without-prefix-123")
    for arguments in ([], ["--bot", secret], ["--base-url", f"http://{secret}.invalid"]):
        assert secret not in doctor("--token", secret, *arguments).text
    assert "password1" not in doctor("--base-url", "https://ada:password1@api.coze.com").text
    emulator.revoke_token(secret)
    echoed = Fault(code=4100, body=b'{"code":4100,"msg":"bad odd-token-without-prefix-123"}')
    emulator.faults.add(echoed, path="/v1/users/me", times=2)
    assert secret not in doctor("--token", secret).text
