"""The picture and the page of a sequence of edits."""

from __future__ import annotations

import copy
import importlib.util
import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from emendo.errors import InvalidRequest
from emendo.evaluate import Figure
from emendo.evaluate.sequence_figure import draw_sequence, read_curves, sequence_svg
from emendo.evaluate.sequence_page import sequence_page
from html_page import Page

MEASURES = {"score": ("score (S)", True), "generation_completion": ("generation, completion", False)}


def figure(name: str, estimate: float, n: int) -> dict[str, Any]:
    label, is_forced = MEASURES[name]
    made = Figure(
        name=name,
        label=label,
        estimate=estimate,
        low=estimate - 0.05,
        high=estimate + 0.04,
        n=n,
        interval="wilson",
        teacher_forced=is_forced,
    )
    return asdict(made)


@pytest.fixture
def document() -> dict[str, Any]:
    """Two methods after 1, 10 and 100 edits, the second of which falls apart."""

    def points(loss: float, ratio: float) -> list[dict[str, Any]]:
        return [
            {
                "edits": 10**at,
                "refused": 30 if ratio**at > 1000 else 0,
                "figures": [figure(name, 0.9 - loss * at, 10**at) for name in MEASURES],
                "perplexity_ratio": ratio**at,
                "perplexity_interval": [0.9 * ratio**at, 1.1 * ratio**at],
                "seconds_an_edit": 2.5,
                "relative_norm": 0.125 * (at + 1),
                "collapsed": ratio**at > 1000,
            }
            for at in (2, 0, 1)
        ]

    methods = [
        {"method": "alphaedit", "config": {"steps": 40}, "batch": 10, "points": points(0.01, 1.02)},
        {"method": "<i>rome</i>", "config": {"steps": 80}, "batch": 1, "points": points(0.4, 100.0)},
    ]
    shared = {"benchmark": "places", "command": "python sequence.py > x", "date": "2026-01-02", "model": "tiny"}
    return {**shared, "model_digest": "1" * 64, "seed": 0, "methods": methods}


def test_every_point_stands_on_the_page(document: dict[str, Any]) -> None:
    html = sequence_page(document)
    page = Page(html)
    assert page.errors == []
    assert page.fetches() == []
    assert "100 edits in sequence on places" in page.text
    for method in document["methods"]:
        for point in method["points"]:
            for shown in point["figures"]:
                figures = [f"{100 * shown[key]:.1f}" for key in ("estimate", "low", "high")]
                assert f"{figures[0]} {figures[1]}–{figures[2]} n {shown['n']}" in page.text
    for words in (
        "alphaedit 10 edits at a time",
        "<i>rome</i> one edit at a time",
        "100, 30 refused × collapsed",
        "teacher-forced",
        "1e+04",
    ):
        assert words in page.text
    assert page.text.count("× collapsed") == 1
    assert document["command"] in page.text
    assert page.count("i") == 0
    assert page.count("svg") == 1
    # The drawing takes the colour of its text from the page.
    assert "currentColor" in html


def test_a_page_is_the_same_each_time(document: dict[str, Any]) -> None:
    assert sequence_page(document) == sequence_page(copy.deepcopy(document))


def test_points_are_in_the_order_of_the_edits(document: dict[str, Any]) -> None:
    assert [[point.edits for point in curve.points] for curve in read_curves(document)] == [[1, 10, 100]] * 2


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture_is_written(document: dict[str, Any], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "figures" / f"sequence.{suffix}"
    draw_sequence(document, path)
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_curves_of_ten_methods_differ_in_colour_and_stand_apart(document: dict[str, Any]) -> None:
    (first, _) = document["methods"]
    svg = sequence_svg(read_curves({**document, "methods": [{**first, "method": f"m{at}"} for at in range(10)]}))
    legend = svg[svg.index('<g id="legend_1">') :]
    assert len(set(re.findall(r"stroke: (#[0-9a-f]{6})", legend))) >= 10
    places = re.findall(r'<use xlink:href="#\w+" x="([\d.]+)" y="[\d.]+" style="fill: #', svg[: svg.index("axes_2")])
    assert len(set(places)) >= 30


def test_numbers_on_the_axis_do_not_run_into_each_other(document: dict[str, Any], tmp_path: Path) -> None:
    for point, edits in zip(document["methods"][0]["points"], (1000, 300, 600), strict=True):
        point["edits"] = edits
    draw_sequence(document, tmp_path / "curves.svg")
    drawn = (tmp_path / "curves.svg").read_text()
    assert all(f"<!-- {edits} -->" in drawn for edits in ("1", "100", "300", "1,000"))
    assert "<!-- 600 -->" not in drawn


def test_a_model_without_a_finite_perplexity_is_drawn_and_told(document: dict[str, Any], tmp_path: Path) -> None:
    document["methods"][1]["points"][0] |= {"perplexity_ratio": math.inf, "perplexity_interval": [1.0, math.inf]}
    draw_sequence(document, tmp_path / "sequence.png")
    assert "∞ 1.000–∞" in Page(sequence_page(document)).text


def test_a_picture_of_an_unknown_kind_is_refused(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"\.png, \.svg"):
        draw_sequence(document, tmp_path / "sequence.doc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{}, {"methods": [{}]}, {"methods": []}, {"methods": 3}])
def test_another_document_is_refused_in_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="sequence"):
        sequence_page(wrong)


def test_the_table_in_the_documentation_has_the_powers_of_ten_and_the_end(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Path(__file__).parents[2] / "scripts" / "build_tables.py"
    specification = importlib.util.spec_from_file_location("build_tables", script)
    assert specification is not None
    assert specification.loader is not None
    build_tables = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(build_tables)
    monkeypatch.setattr(build_tables, "RESULTS", tmp_path)
    first = document["methods"][0]["points"]
    first += [{**first[0], "edits": edits} for edits in (30, 300)]
    (tmp_path / "sequence.json").write_text(json.dumps(document))
    rendered = build_tables.render("<!-- sequence -->\n<!-- end -->\n")
    assert "| `alphaedit`, 10 at a time | 100 | 88.0 (83.0–92.0), n 100 |" in rendered
    assert "| 100, 30 refused, collapsed | 10.0 (5.0–14.0), n 100 |" in rendered
    assert f"Command: `{document['command']}`" in rendered
    assert "| `alphaedit`, 10 at a time | 300 |" in rendered
    assert "| `alphaedit`, 10 at a time | 30 |" not in rendered
    assert sum(line.startswith("|") for line in rendered.splitlines()) == 2 + 7
