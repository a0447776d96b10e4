"""Split an answer into its smallest whole pieces: sentences, list items, table cells. Code is a piece that nobody reads.

Every piece keeps its place. A cell is read as "The COLUMN of ROW is CELL", its row being named by the first cell. Headings say
nothing that is true or false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from emendo.verify.traced import Traced

Kind = Literal["sentence", "item", "cell", "code", "heading"]

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s")
_RULER = re.compile(r"^\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$")
_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s|$)")
# Words before a full stop that does not end a sentence.
_SHORT = frozenset(
    "mr mrs ms dr prof st mt ft gen col lt sgt rev hon jr sr vs etc e.g i.e cf no vol ca approx inc ltd co corp u.s u.k u.n "
    "d.c a.m p.m b.c a.d ph.d jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_MARKS = re.compile(r"\*\*|__|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|`|\[\^?\d+\]")


@dataclass(frozen=True, kw_only=True)
class Atom:
    """A piece of an answer.

    Attributes:
        kind: What it is.
        words: Its text without marks, traced to the answer.
        paragraph: Counts from 0; what is said carries over from piece to piece, and best within a paragraph.
        column: For a cell the words over its column.
        row: For a cell the first cell of its row.
    """

    kind: Kind
    words: Traced
    paragraph: int
    column: str = ""
    row: str = ""


def split_atoms(answer: str) -> list[Atom]:
    """The pieces of an answer, in order; none is lost but white space and marks."""
    atoms: list[Atom] = []
    lines = list(_lines(answer))
    at, paragraph = 0, 0
    while at < len(lines):
        start, line = lines[at]
        fence = _FENCE.match(line)
        if fence:
            end = next((i for i in range(at + 1, len(lines)) if lines[i][1].strip().startswith(fence[1])), len(lines) - 1)
            text = answer[start : lines[end][0] + len(lines[end][1])]
            atoms.append(Atom(kind="code", words=Traced.of(text, start), paragraph=paragraph))
            at = end + 1
        elif "|" in line and at + 1 < len(lines) and _RULER.match(lines[at + 1][1]) and "|" in lines[at + 1][1]:
            end = next((i for i in range(at + 2, len(lines)) if "|" not in lines[i][1]), len(lines))
            atoms += _cells(lines[at], lines[at + 2 : end], paragraph)
            at = end
        elif not line.strip():
            paragraph += 1
            at += 1
        elif _HEADING.match(line):
            atoms.append(Atom(kind="heading", words=_plain(Traced.of(line, start)), paragraph=paragraph))
            at += 1
        else:
            item = _ITEM.match(line)
            end = at + 1
            while end < len(lines) and _continues(lines[end][1]):
                end += 1
            offset = item.end() if item else 0
            text = answer[start + offset : lines[end - 1][0] + len(lines[end - 1][1])]
            kind: Kind = "item" if item else "sentence"
            for part in split_sentences(text):
                words = _plain(Traced.of(text, start + offset).part(*part))
                if words.text:
                    atoms.append(Atom(kind=kind, words=words, paragraph=paragraph))
            at = end
    return atoms


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a text begins and ends."""
    spans, start = [], 0
    for match in _END.finditer(text):
        before = text[start : match.start()].split()
        word = before[-1].lower().lstrip("(\"'“*_") if before else ""
        after = text[match.end() :].lstrip()
        is_short = text[match.start()] == "." and (word in _SHORT or re.fullmatch(r"[^\W\d_]|(?:\w\.)+\w", word) is not None)
        # After an initial or "D.C." a sentence may yet end, if what follows begins like one.
        if is_short and not (
            word in ("d.c", "u.s", "u.k", "etc", "a.m", "p.m") and re.match(r"(It|The|They|He|She|There)\b", after)
        ):
            continue
        if re.fullmatch(r"\d{1,3}", text[start : match.start()].strip()):
            continue
        if after and (after[0].islower() and text[match.start()] == "."):
            continue
        spans.append((start, match.end()))
        start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


def _lines(answer: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in answer.split("\n"):
        yield start, line.removesuffix("\r")
        start += len(line) + 1


def _continues(line: str) -> bool:
    """Whether a line goes on with what the line before began."""
    return bool(line.strip()) and not any(pattern.match(line) for pattern in (_ITEM, _FENCE, _HEADING)) and "|" not in line


def _cells(header: tuple[int, str], rows: list[tuple[int, str]], paragraph: int) -> list[Atom]:
    columns = [words.text for words in _split_row(*header)]
    atoms = []
    for start, line in rows:
        first, *rest = _split_row(start, line)
        for column, words in zip(columns[1:], rest, strict=False):
            if words.text:
                atoms.append(Atom(kind="cell", words=words, paragraph=paragraph, column=column, row=first.text))
    return atoms


def _split_row(start: int, line: str) -> list[Traced]:
    body = line.rstrip().removesuffix("|")
    offset = len(body) - len(body.lstrip())
    offset += body[offset:].startswith("|")
    cells, at = [], offset
    for text in body[offset:].split("|"):
        cells.append(_plain(Traced.of(text, start + at)))
        at += len(text) + 1
    return cells


def _plain(words: Traced) -> Traced:
    """A text without marks of emphasis, code and footnotes, and without white space around it."""
    return words.without([match.span() for match in _MARKS.finditer(words.text)]).part(0)
