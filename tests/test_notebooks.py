"""Every notebook runs from top to bottom, and is kept with what it shows."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The runs of all notebooks that are wanted, side by side: each has a process of its own."""
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and "runs" in item.fixturenames
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COZE_")}
    clean["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))

    def run(name):
        return subprocess.run(
            [sys.executable, "run.py", "--check", name],
            cwd=FOLDER,
            env=clean,
            capture_output=True,
            text=True,
            timeout=110,
        )

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        yield {name: workers.submit(run, name) for name in sorted(wanted)}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name, runs):
    done = runs[name].result()
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
