"""Every notebook runs from top to bottom, and is kept with what it shows."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COZE_")}
    done = subprocess.run(
        [sys.executable, "run.py", "--check", name],
        cwd=FOLDER,
        env=clean,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_with_its_outputs_and_tells_nothing_of_who_ran_it(name):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(cell.outputs) for cell in code) >= len(code) - 1
    text = (FOLDER / name).read_text(encoding="utf-8")
    for word in ("Traceback", str(Path.home()), str(FOLDER.parent)):
        assert word not in text


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2
