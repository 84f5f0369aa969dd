"""Every Python example of the README and the docs runs, against the emulator."""

import asyncio
import re
from pathlib import Path

import pytest
from keys import key_pair

from coze_core.emulator import OAuthApp

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/client.md",
    "docs/auth.md",
    "docs/data.md",
    "docs/workflows.md",
    "docs/tracing.md",
    "docs/langchain.md",
    "docs/tools.md",
    "docs/migration.md",
    "docs/llamaindex.md",
    "docs/emulator.md",
]


def examples():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, match in enumerate(re.finditer(r"```python\n(.*?)```", text, re.DOTALL), 1):
            yield pytest.param(match.group(1), id=f"{page}-{number}")


@pytest.mark.parametrize("code", list(examples()))
def test_an_example_runs(code, emulator, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    private, public = key_pair()
    Path("key.pem").write_text(private)
    emulator.add_oauth_app(OAuthApp("app", public_keys={"kid-1": public}, device_answer="granted"))
    monkeypatch.setenv("COZE_CLIENT_ID", "app")
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    monkeypatch.setenv("COZE_BOT_ID", emulator.bot_id("assistant"))
    monkeypatch.setenv("COZE_API_KEY", emulator.token)
    monkeypatch.setenv("WORKFLOW_ID", emulator.workflow_id("weather"))
    monkeypatch.setenv("ASKING_WORKFLOW_ID", emulator.workflow_id("travel"))
    monkeypatch.setenv("SEARCH_WORKFLOW_ID", emulator.workflow_id("search"))
    # LlamaIndex makes a loop where there is none and leaves it open; this one is closed.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        exec(compile(code, "example", "exec"), {"__name__": "example"})
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)


def test_relative_links_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
