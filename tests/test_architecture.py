"""Imports go one way, public names are listed, and files stay small."""

import ast
import functools
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the bottom up: a module may import only what stands above it in this list.
ORDER = [
    "_version",
    "_environment",
    "_signal",
    "_desk",
    "_timeouts",
    "_errors",
    "_failed_runs",
    "_codes",
    "_characters",
    "_sse",
    "_values",
    "_models",
    "_bot_models",
    "_workflow_models",
    "_audio_models",
    "_sound",
    "_unfinished",
    "_events",
    "_workflow_events",
    "_mending",
    "_templates",
    "_reader",
    "_decoding",
    "_v2_reader",
    "_turn_parts",
    "_turn",
    "_memo",
    "_contents",
    "_call",
    "_capabilities",
    "_workflow_run",
    "_dataset_models",
    "_dataset_inputs",
    "_progress",
    "_flow",
    "_stream_request",
    "_here",
    "_retry",
    "_polling",
    "_paging",
    "_config",
    "_pickles",
    "_auth",
    "_session",
    "_engine",
    "_identity",
    "_multipart",
    "_http",
    "_requests",
    "_senders",
    "_unlisted",
    "_loops",
    "_asyncio_wire",
    "_joining",
    "_pools",
    "_aiohttp",
    "_watchdog",
    "_bodies",
    "_key_locks",
    "_drivers",
    "_pump",
    "oauth._grants",
    "oauth._locks",
    "oauth._stores",
    "oauth._renewing",
    "oauth._jwt",
    "oauth._user",
    "oauth._load",
    "oauth._function",
    "oauth",
    "_file_lock",
    "_endpoints._checks",
    "_endpoints.files",
    "_workflow_inputs",
    "_endpoints",
    "_v2",
    "_streams",
    "_chat_streams",
    "_workflow_pump",
    "_workflow_streams",
    *("_tracing_facts", "_tracing_operation", "_tracing_tools", "_tracing_streams", "_tracing"),
    "_observing",
    "_downloads",
    "_later",
    "_binding",
    "_resources",
    "_platform_resources",
    "_workflow_resources",
    "_v2_resources",
    "_stream_flows",
    "_client_base",
    "_client",
    "_model_clients",
    "_model_fields",
    "dialog._history",
    "dialog._stop",
    "dialog._schema",
    "dialog._marker",
    "dialog._media",
    "dialog._knowledge",
    "dialog._tools",
    "dialog._written",
    "dialog._parser",
    "dialog._format",
    "dialog._pieces",
    "dialog._chatflow",
    "dialog._plan_checks",
    "dialog._plan",
    "dialog._resume",
    "dialog._stored",
    "dialog._listen",
    "dialog._steps",
    "dialog._uploads",
    "dialog._declared",
    "dialog._recorded",
    "dialog._outcome",
    "dialog._answer",
    "dialog._options",
    "dialog._converse",
    "dialog._workflow_arguments",
    "dialog._workflow_tool",
    "dialog._workflow_stretch",
    "dialog._passages",
    "dialog._search",
    "dialog",
    "cli",
]
HTTPX = {
    "_multipart",
    "_aiohttp",
    "_client_base",
    "_http",
    "_requests",
    "_senders",
    "_pools",
    "_bodies",
    "_drivers",
    "_client",
}
ASYNC = {
    *(
        "_multipart",
        "_joining",
        "_aiohttp",
        "_senders",
        "_asyncio_wire",
        "_joining",
        "_pools",
        "_unlisted",
        "_loops",
        "_bodies",
        "_drivers",
        "_streams",
        "_chat_streams",
        "_workflow_pump",
        "_workflow_streams",
        "_client",
        "_model_clients",
        "_binding",
        "_paging",
    ),
    "dialog._converse",
    "dialog._workflow_stretch",
    *("_loops", "_drivers", "_streams", "_downloads", "_client", "_model_clients"),
    *("_binding", "_paging"),
    *("dialog._converse", "dialog._knowledge", "dialog._search", "dialog._stored"),
}


@functools.cache
def modules(package):
    return tuple(parsed(package))


def parsed(package):
    for path in sorted((ROOT / package).rglob("*.py")):
        relative = path.relative_to(ROOT / package).with_suffix("")
        yield ".".join(relative.parts), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def typing_only(tree):
    """What is imported for type checkers only."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found |= set(imported(node))
    return found


def place(name):
    """The position of a module, or of the package that holds it."""
    while name:
        if name in ORDER:
            return ORDER.index(name)
        name = name.rpartition(".")[0]
    return None


def test_every_module_of_the_core_imports_only_what_stands_below_it():
    wrong = []
    for name, tree in modules("coze_core"):
        if name == "__init__" or name.startswith("emulator"):
            continue
        own = name.removesuffix(".__init__")
        assert place(own) is not None, f"{own} has no place in ORDER"
        skipped = typing_only(tree)
        for other in imported(tree):
            target = place(other.removeprefix("coze_core."))
            inside = other.startswith("coze_core.") and other not in skipped
            sibling = place(own) == target  # modules of one package
            if inside and target is not None and target > place(own) and not sibling:
                wrong.append((own, other))
            if own != "cli.emulator":  # the command that starts one
                assert not other.startswith("coze_core.emulator")
    assert wrong == []


def test_adapters_use_only_public_names_and_never_each_other():
    adapters = {"langchain_coze", "llamaindex_coze", "openai_coze"}
    for package in adapters:
        for name, tree in modules(package):
            for other in imported(tree):
                assert not any(other.split(".")[0] == a for a in adapters - {package}), name
                if other.startswith("coze_core."):
                    assert not any(part.startswith("_") for part in other.split(".")[1:-1]), name
                    last = other.split(".")[-1]
                    assert not last.startswith("_") or last == "__version__", (name, other)


def test_the_emulator_takes_only_the_codec_from_the_core():
    for name, tree in modules("coze_core/emulator"):
        for other in imported(tree):
            if other.startswith("coze_core.") and not other.startswith("coze_core.emulator"):
                assert other.startswith("coze_core._sse"), (name, other)


def test_only_the_command_line_knows_its_libraries():
    for package in ("coze_core", "langchain_coze", "llamaindex_coze", "openai_coze"):
        for name, tree in modules(package):
            known = {other.split(".")[0] for other in imported(tree)}
            assert name.startswith("cli") or not known & {"typer", "rich"}, name


def test_only_some_files_know_the_http_library_or_await():
    for name, tree in modules("coze_core"):
        if name.startswith("emulator"):
            continue
        if name not in HTTPX:
            assert not any(other.split(".")[0] == "httpx" for other in imported(tree)), name
        if name not in ASYNC:
            assert not any(isinstance(n, ast.AsyncFunctionDef) for n in ast.walk(tree)), name


@pytest.mark.parametrize(
    "package",
    ["coze_core", "coze_core.emulator", "langchain_coze", "llamaindex_coze", "openai_coze"],
)
def test_public_names_are_listed_exist_and_are_documented(package):
    module = importlib.import_module(package)
    names = module.__all__
    assert len(names) == len(set(names))
    for name in names:
        value = getattr(module, name)
        if isinstance(value, type):
            assert value.__doc__, name


def test_importing_the_core_imports_no_framework():
    import subprocess

    code = "import sys, coze_core; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"langchain_core", "llama_index", "starlette", "h11", "trio"} - {"h11"}
    assert "coze_core" in loaded


def test_importing_an_adapter_imports_no_client():
    import subprocess

    code = "import sys, langchain_coze; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "langchain_coze.chat_models" in loaded
    assert not loaded & {"httpx", "coze_core._client", "coze_core.dialog", "coze_core._models"}


def test_the_class_of_a_client_imports_neither_the_http_library_nor_pydantic():
    """They are two thirds of what all of it takes, and come with the first client and reply."""
    import subprocess

    code = "import sys; from coze_core import CozeClient, AsyncCozeClient; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "coze_core._client" in loaded
    assert not loaded & {"httpx", "anyio", "asyncio", "pydantic", "pydantic_core", "email"}


def test_every_public_name_of_the_core_is_there_and_no_other():
    import coze_core

    assert all(hasattr(coze_core, name) for name in coze_core.__all__)
    assert set(coze_core.__all__) == {*coze_core._HOMES, "__version__"}
    assert set(coze_core.__all__) <= set(dir(coze_core))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = coze_core.Nothing


def test_files_stay_small():
    for package in ("coze_core", "langchain_coze", "llamaindex_coze", "openai_coze"):
        for path in (ROOT / package).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 560, f"{path.name} has {lines} lines: split it"
