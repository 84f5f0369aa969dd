"""Run the notebooks of this folder, from top to bottom: `python notebooks/run.py [--check] [NAME]`.

Keeps the outputs in the notebooks; with `--check` it changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
SECONDS = 120  # that one cell may take


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with fresh outputs.

    Args:
        path: The notebook.

    Raises:
        CellExecutionError: A cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": FOLDER}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day, new with every run
    return notebook


def main() -> int:
    """Run them; return the exit status."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    for path in [FOLDER / name for name in names] or sorted(FOLDER.glob("*.ipynb")):
        print(path.name, flush=True)
        notebook = executed(path)
        if "--check" not in sys.argv:
            nbformat.write(notebook, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
