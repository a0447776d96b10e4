"""Figures: the same trace is the same file, any text may stand in it, and a page needs nothing else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emendo.errors import InvalidRequest
from emendo.facts import Fact
from emendo.locate import CausalTrace, average_traces, draw_average, draw_trace

MakeTrace = Callable[..., CausalTrace]


def test_svg_of_a_trace_is_the_same_byte_by_byte(make_trace: MakeTrace, tmp_path: Path) -> None:
    trace = make_trace((1, 2), 5)
    draw_trace(trace, tmp_path / "one.svg")
    draw_trace(trace, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    ElementTree.parse(tmp_path / "one.svg")  # noqa: S314


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".html", b"<!doctype html>")])
def test_kinds_of_file(make_trace: MakeTrace, tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"trace{suffix}"
    draw_trace(make_trace((1, 2), 5), path)
    assert path.read_bytes().startswith(magic)
    draw_average(average_traces([make_trace((0, 0), 2), make_trace((0, 0), 2)]), path)
    assert path.read_bytes().startswith(magic)


def test_page_needs_nothing_else_and_shows_any_text_as_text(make_trace: MakeTrace, tmp_path: Path) -> None:
    path = tmp_path / "trace.html"
    trace = make_trace((1, 2), 5)
    tokens = ("<script>alert(1)</script>", "$x^$", "\n", " ", "is")
    fact = Fact(subject="<b>France</b>", prompt="{} costs $5 & more")
    draw_trace(replace(trace, tokens=tokens, fact=fact), path)
    html = path.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;France" in html
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", html)
    assert "4.0000 ± 0.4000" in html


@pytest.mark.parametrize("name", ["trace.txt", "trace", "nowhere/trace.png"])
def test_path_that_cannot_be_drawn_to_is_refused_in_a_sentence(make_trace: MakeTrace, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        draw_trace(make_trace((1, 2), 5), tmp_path / name)
