"""What was measured, for people: docs/performance.json and .svg, a table in docs/performance.md."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from benchmarks.rows import ROWS
from benchmarks.runs import ROOT

DOCS = ROOT / "docs"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
VERSIONS = ("httpx", "httpcore", "aiohttp", "pydantic", "langchain-core", "llama-index-core")
UNITS = {
    "cpu": "µs a token",
    "growth": "µs a token",
    "import": "ms",
    "extra": "ms",
    "wall": "s",
    "own": "",
}
Result = dict[str, Any]


def whole(results: Iterable[Result]) -> dict[str, Any]:
    """Everything, with what it was measured on."""
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
    }
    return {"facts": facts, "rows": list(results)}


def renew(results: Iterable[Result]) -> None:
    """Write the three files anew; rows that were not measured now stay as they are."""
    file = DOCS / "performance.json"
    known = {row["row"]: row for row in json.loads(file.read_text())["rows"]}
    known |= {row["row"]: row for row in results}
    found = whole(known[row.name] for row in ROWS if row.name in known)
    file.write_text(json.dumps(found, indent=1) + "\n")
    page = DOCS / "performance.md"
    text = re.sub(
        f"{BEGIN}.*{END}",
        lambda _: f"{BEGIN}\n{table(found)}\n{END}",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    page.write_text(text, encoding="utf-8")
    plot(found)


def table(found: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        _facts(found["facts"]),
        "",
        "| row | floor | ours | peers | must |",
        "|" + " --- |" * 5,
    ]
    for row in found["rows"]:
        names = list(row["values"])
        floor = "" if names[0].startswith(("ours", "chatcoze")) else _cell(row, names[0])
        ours = [name for name in names if name.startswith(("ours", "chatcoze", "coze_"))]
        ours += [
            name for name in names if name in {"decode_ours", "langchain_coze", "llamaindex_coze"}
        ]
        peers = [name for name in names[1:] if name not in ours]
        cells = [floor, *(", ".join(_cell(row, name) for name in some) for some in (ours, peers))]
        must = (
            ""
            if row["must"] is None
            else f"{row['must']:g}" + ("" if row["met"] else " **missed**")
        )
        lines.append("| " + " | ".join([row["row"], *cells, must]) + " |")
    return "\n".join(lines)


def _facts(facts: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"{facts['date']}, Python {facts['python']} on {facts['machine']}; {versions}."


def _cell(row: Result, name: str) -> str:
    number = f"{name} {row['values'][name]:.3g} {UNITS[row['measure']]}".rstrip()
    ratio = row["ratios"].get(name)
    return number if ratio is None else f"{number} ({ratio:.2f} x)"


def plot(found: dict[str, Any]) -> None:
    """Draw ours and the dearest peer of each row, as multiples of its floor."""
    import matplotlib as mpl  # only for this

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "coze-bridge"  # the same picture for the same numbers
    from matplotlib import pyplot as plt

    rows = [row for row in found["rows"] if row["measure"] in {"cpu", "wall"}]
    figure, axes = plt.subplots(figsize=(9, 0.34 * len(rows) + 1.2))
    for place, row in enumerate(reversed(rows)):
        ratios = row["ratios"]
        ours, *_ = [
            name for name in ratios if name.startswith(("ours", "chatcoze", "coze_", "decode"))
        ]
        peers = [
            ratios[name]
            for name in ratios
            if name.startswith(("cozepy", "chatopenai", "llama_openai", "community"))
        ]
        if peers:
            axes.barh(place, max(peers), color="#c8c8c8", height=0.72)
        axes.barh(place, ratios[ours], color="#2a6fdb", height=0.4)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row["row"] for row in reversed(rows)], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("cost as a multiple of the floor: coze-bridge (blue), dearest peer (grey)")
    facts = found["facts"]
    axes.set_title(f"{facts['date']}, Python {facts['python']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(DOCS / "performance.svg", metadata={"Date": None})
