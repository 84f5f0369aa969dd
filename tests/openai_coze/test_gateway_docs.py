"""Each example of docs/gateway.md runs, and what is in deploy/ can be used."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from serving import KEY

from openai_coze import BotModel, BotRoute, create_app, settings_from_file

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def shell(serve, settings_for, emulator, tmp_path):
    models = (BotModel("helper", (BotRoute(emulator.bot_id("assistant")),)),)
    voices = {"default": "7350000000000000801"}
    url = serve(create_app(settings_for(models=models, voices=voices, metrics=True)))

    def run(code):
        environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "GATEWAY": url, "KEY": KEY}
        return subprocess.run(
            ["bash", "-euc", code.replace("curl -s", "curl --fail-with-body -s")],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_each_curl_example_runs(shell, tmp_path):
    assert len(EXAMPLES) == 11
    for code in EXAMPLES:
        done = shell(code)
        assert done.returncode == 0, code + done.stdout + done.stderr
        if done.stdout.startswith("{"):
            assert "error" not in json.loads(done.stdout) or "resp_" in done.stdout
    assert (tmp_path / "hello.mp3").stat().st_size > 100


def test_every_route_has_its_example(settings_for):
    routes = {route.path for route in create_app(settings_for("echo", metrics=True)).routes}
    shown = PAGE.split("## What becomes")[0]
    for path in routes - {"/"}:
        assert "$GATEWAY" + path.split("{")[0] in shown, path


def test_the_settings_of_the_docs_and_of_deploy_can_be_read(tmp_path):
    environment = {"COZE_API_TOKEN": "pat_x", "COZE_GATEWAY_KEY": KEY}
    found = settings_from_file(ROOT / "deploy" / "gateway.toml", environment)
    assert found.model("gpt-4o").name == "helper"
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    text = text.replace('sha256 = "..."', 'key_env = "COZE_GATEWAY_KEY"')
    text = text.replace('oauth_file = "coze_oauth_config.json"', 'token_env = "COZE_API_TOKEN"')
    (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
    found = settings_from_file(tmp_path / "gateway.toml", environment)
    assert [route.id for route in found.models[0].routes] == ["7379", "7380"]


def test_the_unit_gives_streams_their_time_to_end(settings_for):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(ROOT / "deploy" / "coze-gateway.service", encoding="utf-8")
    limits = settings_for("echo").limits
    assert int(unit["Service"]["TimeoutStopSec"]) > limits.shutdown
    assert " -m openai_coze " in unit["Service"]["ExecStart"]
    nginx = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    assert "proxy_buffering off;" in nginx
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s", nginx)
    assert int(seconds) > limits.seconds


def test_the_container_has_all_that_is_built():
    """No more than that goes in, and no less."""
    lines = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages <= copied
    assert "." not in copied
