"""Read documents as paragraphs with their places: Markdown, plain text, HTML, PDF.

Nothing in a document is run or followed. A paragraph keeps its line, in a PDF its page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from emendo.errors import SourceFailed

_MOST_BYTES = 50_000_000
_LONGEST = 1200
_SKIPPED = frozenset({"script", "style", "template", "noscript", "svg", "head"})
_BLOCKS = frozenset("p div li td th tr h1 h2 h3 h4 h5 h6 section article blockquote pre br dd dt caption figcaption".split())


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A stretch of a document.

    Attributes:
        text: Its words.
        line: Where it begins, from 1; on its page for a PDF.
        page: From 1; None where there are none.
    """

    text: str
    line: int
    page: int | None = None


def read_document(path: Path) -> list[Paragraph]:
    """The paragraphs of a file.

    Raises:
        SourceFailed: It is too large, or cannot be read.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise SourceFailed(f"{path} has more than {_MOST_BYTES:,} bytes; split it or leave it out.")
    paragraphs = READERS[path.suffix.lower()](path)
    return [part for paragraph in paragraphs for part in _parts(paragraph)]


def html_paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a page, whose scripts and styles are left out."""
    parser = _Words()
    parser.feed(text)
    parser.close()
    parser.flush()
    return parser.found


def _text(path: Path) -> Iterator[Paragraph]:
    yield from _paragraphs(path.read_text(encoding="utf-8", errors="replace"))


def _paragraphs(text: str, page: int | None = None) -> Iterator[Paragraph]:
    held: list[str] = []
    start = 1
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip():
            if not held:
                start = number
            held.append(line.strip())
        elif held:
            yield Paragraph(text=" ".join(held), line=start, page=page)
            held = []


class _Words(HTMLParser):
    """Collects the text of a page block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Paragraph] = []
        self._held: list[str] = []
        self._line = 1
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.flush()
        self._hidden += tag in _SKIPPED

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.flush()
        self._hidden = max(0, self._hidden - (tag in _SKIPPED))

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            if not self._held:
                self._line = self.getpos()[0]
            self._held.append(data)

    def flush(self) -> None:
        words = " ".join("".join(self._held).split())
        if words:
            self.found.append(Paragraph(text=words, line=self._line))
        self._held = []


def _html(path: Path) -> Iterator[Paragraph]:
    yield from html_paragraphs(path.read_text(encoding="utf-8", errors="replace"))


def _pdf(path: Path) -> Iterator[Paragraph]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        with path.open("rb") as file:
            pages = [page.extract_text() for page in PdfReader(file).pages]
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceFailed(f"{path} cannot be read as a PDF ({error}); repair it or leave it out.") from error
    for number, text in enumerate(pages, start=1):
        yield from _paragraphs(text, number)


READERS: Mapping[str, Callable[[Path], Iterator[Paragraph]]] = {
    ".md": _text,
    ".markdown": _text,
    ".txt": _text,
    ".rst": _text,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
}


def _parts(paragraph: Paragraph) -> Iterator[Paragraph]:
    """A paragraph in stretches that are not too long, cut where sentences end."""
    text = paragraph.text
    while len(text) > _LONGEST:
        ends = [match.end() for match in re.finditer(r"[.!?]\s", text[:_LONGEST])]
        cut = ends[-1] if ends else _LONGEST
        yield Paragraph(text=text[:cut].strip(), line=paragraph.line, page=paragraph.page)
        text = text[cut:]
    if text.strip():
        yield Paragraph(text=text.strip(), line=paragraph.line, page=paragraph.page)
