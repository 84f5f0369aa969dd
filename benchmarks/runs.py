"""One contender, run once in a process of its own, and the number it gives for its row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.rows import Row

ROOT = Path(__file__).parents[1]
COZEPY = os.environ.get("COZEPY_PYTHON") or str(ROOT / ".venv-cozepy" / "bin" / "python")
COMMUNITY = str(ROOT / ".venv-community" / "bin" / "python")
LLAMA_OPENAI = str(ROOT / ".venv-llama-openai" / "bin" / "python")

# The packages that need not be there, by how the names of their contenders begin.
PEERS = {
    "cozepy": "cozepy",
    "chatopenai": "langchain_openai",
    "langchain_openai": "langchain_openai",
    "llama_openai": "llama_index.llms.openai",
    "community": "langchain_community",
    "aiohttp": "aiohttp",
}


@cache
def there(package: str) -> bool:
    python = python_of(next(start for start, peer in PEERS.items() if peer == package))
    if not Path(python).exists():
        return False
    found = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False)
    if found.returncode and b"ModuleNotFoundError" not in found.stderr:
        raise RuntimeError(f"{package} is broken: {found.stderr[-800:]!r}")
    return not found.returncode


def python_of(contender: str) -> str:
    if contender.startswith("cozepy"):
        return COZEPY
    if contender.startswith("community"):
        return COMMUNITY
    return LLAMA_OPENAI if contender.startswith("llama_openai") else sys.executable


def missing_peer(contender: str) -> str | None:
    """The package that this contender lacks."""
    for start, package in PEERS.items():
        if contender.startswith(start) and not there(package):
            return package
    return None


def sizes(contender: str, row: Row) -> tuple[str, int, int, int]:
    """The name of the work, what it is given, how often it is repeated, and the tokens it reads."""
    name, _, size = contender.partition("@")
    given = int(size or row.tokens)
    if name.endswith("_many"):
        return name, given, row.repeat, row.tokens * given * row.repeat
    repeat = row.repeat * row.tokens // given
    return name, given, repeat, given * repeat


def measured(contender: str, row: Row, port: int, bytecode: str) -> float:
    """Run one contender once; for an import, with a place for bytecode that is the same for all."""
    name, given, repeat, tokens = sizes(contender, row)
    environment = dict(os.environ)
    if row.measure == "import":
        command = [python_of(name), "-m", "benchmarks.imports", name]
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
    else:
        command = [python_of(name), "-m", "benchmarks.contenders", name]
        command += [str(given), str(repeat), str(row.warm)]
        if row.path is not None and "floor" not in name:
            count = row.tokens if name.endswith("_many") else given
            command.append(f"http://127.0.0.1:{port}/{row.path}-{count}")
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{contender} failed: {done.stderr[-800:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return value(found, row, tokens)


def value(found: dict[str, float], row: Row, tokens: int) -> float:
    if row.measure in {"wall", "own"}:
        return found[row.measure]
    if row.measure == "extra":
        return 1000 * (found["wall"] / row.repeat - 0.3)
    scaled = found["cpu"] / found["calibration"] * 0.02
    return 1000 * scaled if row.measure == "import" else 1e6 * scaled / tokens
