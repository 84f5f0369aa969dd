"""`python -m benchmarks`: one table of ratios, and a JSON file if asked for.

Every measurement is a fresh process, the contenders of a row run in turn, several rounds, and the
median of each is scaled by a fixed piece of Python timed beside it. Compare within a row only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COZEPY = Path(os.environ.get("COZEPY_PYTHON") or ROOT / ".venv-cozepy" / "bin" / "python")


@dataclass(frozen=True)
class Row:
    """One line of the table: the first contender is the floor, the second is ours."""

    name: str
    contenders: tuple[str, ...]
    tokens: int
    repeat: int
    path: str | None
    must: float | None
    measure: str = "cpu"
    warm: int = 2
    quick: bool = True


ROWS = (
    Row("decode", ("decode_floor", "decode_ours"), 10_000, 10, None, 1.5),
    Row("sync, burst-1", ("httpx_sync", "ours_sync", "cozepy_sync"), 2000, 8, "burst1", 1.6),
    Row("sync, burst-20", ("httpx_sync", "ours_sync", "cozepy_sync"), 2000, 8, "burst20", 3.0),
    Row("sync, paced", ("httpx_sync", "ours_sync", "cozepy_sync"), 500, 2, "paced", 1.4),
    Row("async, paced", ("httpx_async", "ours_async", "cozepy_async"), 500, 2, "paced", 1.25),
    Row("async, burst-20", ("httpx_async", "ours_async", "cozepy_async"), 2000, 8, "burst20", None),
    Row("10-token request", ("httpx_sync", "ours_sync", "cozepy_sync"), 10, 100, "burst1", 1.2),
    Row(
        "ChatCoze.stream, burst-20",
        ("langchain_floor", "chatcoze_stream", "chatopenai_stream"),
        *(2000, 4, "burst20", 1.4),
    ),
    Row(
        "ChatCoze.astream, burst-20",
        ("langchain_floor_async", "chatcoze_astream", "chatopenai_astream"),
        *(2000, 4, "burst20", 1.4),
    ),
    Row(
        "ChatCoze.stream, burst-1",
        ("langchain_httpx", "chatcoze_stream", "chatopenai_stream"),
        *(2000, 4, "burst1", 1.25),
    ),
    Row(
        "ChatCoze.astream, burst-1",
        ("langchain_httpx_async", "chatcoze_astream", "chatopenai_astream"),
        *(2000, 4, "burst1", 1.25),
    ),
    Row(
        "ChatCoze.stream, 50,000 tokens",
        ("langchain_floor", "chatcoze_stream"),
        *(50_000, 1, "burst20", 1.4),
        warm=1,
    ),
    Row(
        "ChatCoze.invoke, from 1,000 to 50,000 tokens",
        ("chatcoze_invoke@1000", "chatcoze_invoke@50000"),
        *(0, 2, "burst20", 1.2),
    ),
    Row(
        "import: ms of CPU",
        ("import_langchain_core", "import_langchain_coze", "import_langchain_openai"),
        *(1, 1, None, 1.1),
        measure="import",
        warm=0,
    ),
    Row(
        "answer after 300 ms: ms on top",
        ("ours_invoke", "chatcoze_invoke", "cozepy_invoke"),
        10,
        3,
        "slow",
        10.0,
        "extra",
        1,
    ),
    Row(
        "1,000 streams: wall s",
        ("ours_many", "cozepy_many"),
        50,
        1,
        "paced",
        None,
        "wall",
        0,
        quick=False,
    ),
)


def measured(contender: str, row: Row, port: int) -> dict[str, float] | None:
    """Run one contender once; None if its package is not there."""
    contender, _, size = contender.partition("@")
    tokens = int(size or row.tokens)
    python = str(COZEPY) if contender.startswith("cozepy") else sys.executable
    if not Path(python).exists():
        return None
    place = (
        []
        if row.path is None or "floor" in contender
        else [f"http://127.0.0.1:{port}/{row.path}-{tokens}"]
    )
    command = [python, "-m", "benchmarks.contenders", contender]
    numbers = [str(tokens), str(row.repeat), str(row.warm)]
    done = subprocess.run(
        [*command, *numbers, *place], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "No module named 'langchain_openai'" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{contender} failed: {done.stderr[-800:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def value(found: dict[str, float], row: Row, contender: str) -> float:
    if row.measure == "wall":
        return found["wall"]
    if row.measure == "extra":
        return 1000 * (found["wall"] / row.repeat - 0.3)
    scaled = found["cpu"] / found["calibration"] * 0.02
    if row.measure == "import":
        return 1000 * scaled
    tokens = int(contender.partition("@")[2] or row.tokens)
    return 1e6 * scaled / (tokens * row.repeat)


def table(rounds: int, port: int, *, quick: bool) -> list[dict[str, object]]:
    results = []
    for row in ROWS:
        if quick and not row.quick:
            continue
        samples: dict[str, list[float]] = {}
        # An import is over quickly and differs from run to run.
        for _ in range(max(rounds, 5) if row.measure == "import" else rounds if row.quick else 1):
            for contender in row.contenders:
                found = measured(contender, row, port)
                if found is not None:
                    samples.setdefault(contender, []).append(value(found, row, contender))
        medians = {name: statistics.median(values) for name, values in samples.items()}
        results.append(result(row, medians))
        print(line(results[-1]), flush=True)
    return results


def result(row: Row, medians: dict[str, float]) -> dict[str, object]:
    names = list(medians)
    floor = medians[names[0]]
    if row.measure in {"cpu", "import"}:
        ratios = {name: medians[name] / floor for name in names[1:]}
        ours = ratios[row.contenders[1]]
    else:
        ratios = {}
        ours = max(medians[name] for name in names if not name.startswith("cozepy"))
    met = None if row.must is None else ours <= row.must
    return {"row": row.name, "values": medians, "ratios": ratios, "must": row.must, "met": met}


def line(found: dict[str, object]) -> str:
    values, ratios = found["values"], found["ratios"]
    assert isinstance(values, dict)
    assert isinstance(ratios, dict)
    cells = [
        f"{name} {number:.2f}" + (f" ({ratios[name]:.2f} x)" if name in ratios else "")
        for name, number in values.items()
    ]
    must = (
        ""
        if found["must"] is None
        else f" | must {found['must']}: {'met' if found['met'] else 'MISSED'}"
    )
    return f"{found['row']}: " + ", ".join(cells) + must


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, under two minutes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument("--check", action="store_true", help="exit 1 if a must is missed by 30 %%")
    options = parser.parse_args()
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            print("CPU in us for a token (scaled), and its ratio to the floor of the row")
            rounds = 1 if options.quick else options.rounds
            results = table(rounds, port, quick=options.quick)
        finally:
            server.terminate()
    if options.json:
        facts = {"python": platform.python_version(), "machine": platform.machine()}
        options.json.write_text(json.dumps({"facts": facts, "rows": results}, indent=1))
    missed = [
        found
        for found in results
        if isinstance(found["must"], float) and "ratios" in found and found["met"] is False
    ]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
