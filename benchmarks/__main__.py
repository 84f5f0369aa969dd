"""`python -m benchmarks`: one table of ratios, and a JSON file if asked for.

Every measurement is a fresh process, the contenders of a row run in turn, several rounds, and the
median of each is scaled by a fixed piece of Python timed beside it. Compare within a row only.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rows import ROWS, Row
from benchmarks.runs import PEERS, ROOT, measured, missing_peer, there


def table(rows: Iterable[Row], rounds: int, port: int) -> list[dict[str, object]]:
    results = []
    with TemporaryDirectory() as bytecode:
        for row in rows:
            medians = sampled(row, rounds, port, bytecode)
            results.append(result(row, medians))
            print(line(results[-1]), flush=True)
    return results


def sampled(row: Row, rounds: int, port: int, bytecode: str) -> dict[str, float]:
    """The median of each contender that is there; they take turns."""
    contenders = [name for name in row.contenders if missing_peer(name) is None]
    rounds = 1 if row.measure == "wall" else rounds
    if row.measure == "import":
        rounds = max(rounds, 5)  # it is over quickly and differs from run to run
        for name in contenders:
            measured(name, row, port, bytecode)  # compiles
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, values in samples.items():
            values.append(measured(name, row, port, bytecode))
    return {name: statistics.median(values) for name, values in samples.items()}


def result(row: Row, medians: dict[str, float]) -> dict[str, object]:
    names = list(medians)
    floor = medians[names[0]]
    ratios: dict[str, float] = {}
    if row.measure in {"cpu", "import", "growth"}:
        ratios = {name: medians[name] / floor for name in names[1:]}
        ours = max(ratios.values()) if row.measure == "growth" else ratios[row.contenders[1]]
    else:
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
    parser.add_argument("--check", action="store_true", help="exit 1 if a must is missed")
    parser.add_argument("--only", default="", help="only the rows with this in their names")
    options = parser.parse_args()
    for package in sorted(set(PEERS.values())):
        if not there(package):
            print(f"{package} is not installed: its contenders are left out")
    rows = [row for row in ROWS if options.only in row.name and (row.quick or not options.quick)]
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            print("CPU in us for a token (scaled), and its ratio to the floor of the row")
            rounds = 1 if options.quick else options.rounds
            results = table(rows, rounds, port)
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
