"""`python -m benchmarks`: one table of ratios, and a JSON file if asked for.

Every measurement is a fresh process, the contenders of a row run in turn, several rounds, and the
median of each is scaled by a fixed piece of Python timed beside it. Compare within a row only.
`--guard` is what `make bench-quick` runs: ours beside its floors, with generous bounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import report
from benchmarks.rows import ROWS, Row
from benchmarks.runs import PEERS, ROOT, measured, missing_peer, there

OURS = ("ours", "chatcoze", "coze_")
ATTEMPTS = 3
GENEROUS = 1.4


def table(rows: Iterable[Row], rounds: int, port: int) -> list[dict[str, object]]:
    results = []
    with TemporaryDirectory() as bytecode:
        for row in rows:
            results.append(result(row, sampled(row, rounds, port, bytecode)))
            print(line(results[-1]), flush=True)
    return results


def guard(rows: Iterable[Row], port: int) -> list[str]:
    """Measure ours beside its floor; return the rows that miss their bound three times.

    The bounds are generous: a slow machine must not fail, and what became twice as slow must.
    """
    missed = []
    with TemporaryDirectory() as bytecode:
        for row in rows:
            few = row if row.measure == "growth" else replace(row, contenders=row.contenders[:2])
            for _ in range(ATTEMPTS):
                found = result(few, sampled(few, 1, port, bytecode))
                print(line(found), flush=True)
                ours = found["ours"]
                assert isinstance(ours, float)
                if row.must is None or ours <= GENEROUS * row.must:
                    break
            else:
                missed.append(f"{row.name}: {ours:.2f}, more than {GENEROUS} x {row.must}")
    return missed


def sampled(row: Row, rounds: int, port: int, bytecode: str) -> dict[str, float]:
    """The median of each contender that is there; they take turns."""
    contenders = [name for name in row.contenders if missing_peer(name) is None]
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
    ratios = {name: medians[name] / floor for name in names[1:]}
    if row.measure in {"extra", "own"}:  # what counts is the number itself
        ours = max(medians[name] for name in names if name.startswith(OURS))
    else:
        ours = max(ratios.values()) if row.measure == "growth" else ratios[row.contenders[1]]
    met = None if row.must is None else ours <= row.must
    return {
        "row": row.name,
        "measure": row.measure,
        "values": medians,
        "ratios": ratios,
        "ours": ours,
        "must": row.must,
        "met": met,
    }


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
    parser.add_argument("--guard", action="store_true", help="ours and floors only; 1 if too slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument("--docs", action="store_true", help="renew docs/performance.*")
    parser.add_argument("--only", default="", help="only the rows with this in their names")
    options = parser.parse_args()
    for package in sorted(set(PEERS.values())):
        if not options.guard and not there(package):
            print(f"{package} is not installed: its contenders are left out")
    rows = [row for row in ROWS if options.only in row.name and (row.quick or not options.guard)]
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            print("CPU in us for a token (scaled), and its ratio to the floor of the row")
            if options.guard:
                missed = guard((row for row in rows if row.must is not None), port)
                print(*missed, sep="\n")
                return 1 if missed else 0
            results = table(rows, options.rounds, port)
        finally:
            server.terminate()
    if options.json:
        options.json.write_text(json.dumps(report.whole(results), indent=1))
    if options.docs:
        report.renew(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
