"""The tutorial runs, and the notebook is the tutorial."""

from __future__ import annotations

import runpy
import warnings
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]


def test_the_notebook_is_the_tutorial() -> None:
    build = runpy.run_path(str(ROOT / "scripts" / "build_notebook.py"))
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    written = (ROOT / "docs" / "tutorial.ipynb").read_text(encoding="utf-8")
    assert written == build["notebook"](text), "run: python scripts/build_notebook.py"


@pytest.mark.real
def test_the_notebook_runs_from_top_to_bottom() -> None:
    with warnings.catch_warnings():
        # The kernel's client warns about its own event loop and ports; the cells run in another process.
        warnings.simplefilter("ignore")
        from nbclient import NotebookClient

        notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
        NotebookClient(notebook, timeout=600).execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert "Los Angeles" in printed
    assert "Sacramento" in printed
