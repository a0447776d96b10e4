"""Write docs/tutorial.ipynb from docs/tutorial.md: text becomes Markdown cells, Python blocks become code cells.

python scripts/build_notebook.py
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

DOCS = Path(__file__).parents[1] / "docs"


def notebook(text: str) -> str:
    """The notebook of a tutorial, as JSON; the same text always gives the same notebook."""
    cells = []
    for number, part in enumerate(re.split(r"```python\n(.*?)```\n", text, flags=re.DOTALL)):
        if part.strip():
            cell = (new_code_cell if number % 2 else new_markdown_cell)(part.strip())
            cell.id = f"cell-{len(cells)}"
            cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    written: str = nbformat.writes(new_notebook(cells=cells, metadata={"kernelspec": kernel}))
    return written + "\n"


if __name__ == "__main__":
    (DOCS / "tutorial.ipynb").write_text(notebook((DOCS / "tutorial.md").read_text(encoding="utf-8")), encoding="utf-8")
