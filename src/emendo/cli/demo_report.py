"""One self-contained HTML page from the sections of a story: text, tables and pictures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under a header.

    Attributes:
        header: One word a column.
        rows: Cells as text.
        changed: Indices of rows that stand out.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    changed: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Section:
    """A step of the story.

    Attributes:
        title: What was done.
        text: What it shows, in sentences.
        seconds: How long it took.
        tables: To read.
        figures: PNG files to look at, with what they show.
    """

    title: str
    text: str
    seconds: float
    tables: tuple[Table, ...] = ()
    figures: tuple[tuple[Path, str], ...] = ()


def write_report(
    path: Path, title: str, introduction: str, sections: list[Section], commands: list[tuple[str, str]]
) -> None:
    """Write the page, whole or not at all; pictures are embedded, nothing is fetched when it is opened.

    Args:
        path: The page.
        title: Its heading.
        introduction: A paragraph under the heading.
        sections: In order.
        commands: What to try next: a command and what it does.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("emendo.cli").joinpath("templates/demo.html").read_text(encoding="utf-8"))
    pictures = {file: base64.b64encode(file.read_bytes()).decode() for s in sections for file, _ in s.figures}
    page = template.render(title=title, introduction=introduction, sections=sections, commands=commands, pictures=pictures)
    temporary = path.with_suffix(".incomplete")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
