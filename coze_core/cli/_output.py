"""What is written where: answers and data to stdout, everything about them to stderr.

So `coze chat -m ... > answer.txt` keeps the answer alone. Colours only on a terminal, and never
with `NO_COLOR`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

# Control characters of an answer could move the cursor or rename the window.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def stdout() -> Console:
    """Return the console of answers and data."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def stderr() -> Console:
    """Return the console of everything else."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def plain(text: str) -> str:
    """Return text without the characters that a terminal would obey."""
    return _CONTROLS.sub("", text)


def write(text: str) -> None:
    """Write to stdout at once: as it is, but for what a terminal would obey."""
    out = sys.stdout
    if out.isatty():
        text = plain(text)
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "replace").decode(encoding))  # a terminal of another encoding
    out.flush()


def say_json(value: Mapping[str, object]) -> None:
    """Write one JSON object on a line of its own."""
    write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows under their headings; without a terminal, whole and one row a line."""
    console = stdout()
    if not console.is_terminal:
        for row in [columns, *rows]:
            write("\t".join(" ".join(plain(cell).split()) for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column.lower() == "id", overflow="fold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console.print(table, soft_wrap=False)
