"""The page of a comparison: all figures are on it, and it holds whatever a model says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from emendo.edit import Edit
from emendo.evaluate import CaseSet, Report, Trial, evaluate_each
from emendo.evaluate.answers import AnsweredCase, Exchange, answered
from emendo.evaluate.compare import Comparison, compare_methods
from emendo.evaluate.forest import Row, forest
from emendo.evaluate.observation import Answer
from emendo.evaluate.page import comparison_page
from emendo.facts import EditRequest
from emendo.models import EditableModel
from emendo.pieces import Crew
from html_page import Page

NASTY = "</td><script>alert('x')</script> & \"more\""
CONTROL = "Los\x00 Angeles\x1b"


@pytest.fixture(scope="module")
def comparison(report_of: Callable[..., Report]) -> Comparison:
    """Three methods, eight cases."""

    def values(seed: int) -> dict[str, list[float | None]]:
        generator = np.random.default_rng(seed)
        names = ("efficacy_probability", "paraphrase_probability", "neighborhood_probability", "generation_completion")
        return {
            **{name: generator.integers(0, 2, 8).astype(float).tolist() for name in names},
            "generation_questions": [None, *generator.random(7).tolist()],
        }

    reports = [
        report_of(name, values(seed), unedited=values(9)) for seed, name in enumerate(("rome", "memit", "in_context"))
    ]
    reports[2] = replace(reports[2], layers=(), edit_medians={})
    return compare_methods(reports, command="emendo eval places --methods rome,memit,in_context", date="2026-01-02T03:04:05")


def test_every_figure_stands_on_the_page_with_its_interval(comparison: Comparison) -> None:
    page = Page(comparison_page(comparison))
    assert page.errors == []
    figures = [f for report in comparison.reports for f in (*report.unedited, *report.edited)]
    assert len({f.name for f in figures}) == 6
    for f in figures:
        assert f.label in page.text
        assert f"{100 * f.estimate:.1f} {100 * f.low:.1f}–{100 * f.high:.1f}" in page.text
    for pair in (*comparison.pairs, *comparison.against_unedited):
        assert f"{pair.method} − {pair.against}" in page.text
        for d in pair.differences:
            low, high = (f"{100 * bound:+.1f}".replace("-", "−").replace("+0.0", "0.0") for bound in (d.low, d.high))
            assert f"{low} to {high}" in page.text


def test_what_was_measured_stands_on_the_page(comparison: Comparison) -> None:
    text = Page(comparison_page(comparison)).text
    first = comparison.reports[0]
    for words in (comparison.command, comparison.date, first.model_digest, first.data_digest, "places.json, split report"):
        assert words in text
    assert "8, drawn with seed 5" in text
    assert "emendo 0.1.0" in text
    assert re.search(r"rome 2\.50 0\.125 1 of 8 1, 2 20\.0 7\.0", text)
    assert re.search(r"in_context – – 1 of 8 –", text), "no weight was changed, so there is no cost of an edit"
    assert "teacher-forced" in text
    assert "With 8 cases these intervals are too narrow" in text


def test_the_page_needs_nothing_else_and_suits_the_dark(comparison: Comparison) -> None:
    html = comparison_page(comparison)
    page = Page(html)
    assert page.fetches() == []
    assert page.count("script") == 0
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html
    # A plot a measure for the figures, and one for the differences.
    assert page.count("svg") == 2 * 6
    assert all(attributes.get("aria-label") for tag, attributes in page.elements if tag == "svg")


def test_whatever_a_model_says_is_text(comparison: Comparison) -> None:
    report = replace(comparison.reports[0], model=NASTY, method=NASTY, config={"prompt": NASTY}, data_file=NASTY)
    single = compare_methods([report], command=NASTY, date=NASTY)
    answer = Answer(text=NASTY, is_success=True, is_stopped=False)
    case = AnsweredCase(
        id="1",
        target_new=NASTY,
        rival=NASTY,
        refused=NASTY,
        exchanges=(
            Exchange(prompt=NASTY, before=answer, after=replace(answer, text=" ", is_success=False)),
            Exchange(prompt=NASTY, before=answer, after=replace(answer, text=CONTROL)),
        ),
    )
    page = Page(comparison_page(single, answers={NASTY: [case]}))
    assert page.errors == []
    assert page.count("script") == 0
    assert f"✓ {NASTY} …" in page.text
    assert "(nothing)" in page.text
    assert "Los\N{REPLACEMENT CHARACTER} Angeles\N{REPLACEMENT CHARACTER}" in page.text
    assert page.text.count(NASTY) > 10


def test_answers_are_those_of_the_run_of_the_report(
    tiny: EditableModel,
    case_set: CaseSet,
    handmade_editor: Callable[[EditableModel], Callable[[Sequence[Sequence[EditRequest]]], list[Edit]]],
) -> None:
    cases = replace(case_set, cases=case_set.cases[:2])
    trials = [Trial(method="rome"), Trial(method="in_context")]
    evaluation = evaluate_each(tiny, cases, trials, crew=Crew.of(), compute=handmade_editor(tiny), seed=1)
    report = evaluation.reports[0]
    found, beside = (answered(cases, results, evaluation.unedited) for results in evaluation.results)
    assert [case.id for case in found] == ["France", "California"]
    assert [exchange.prompt for exchange in found[0].exchanges] == [
        "The capital of France is",
        cases.cases[0].request.fact.question(),
    ]
    assert [case.exchanges[0].before for case in found] == [case.exchanges[0].before for case in beside]
    said = [case.exchanges[0].after.is_success for case in found]
    assert [float(is_success) for is_success in said] == list(report.edited_values["generation_completion"])
    assert [case.exchanges[0].after for case in found] != [case.exchanges[0].after for case in beside]


def test_a_plot_places_estimates_on_its_axis() -> None:
    rows = [
        Row(label="a & b", estimate=0.0, low=-10.0, high=10.0, text="0", told="<a>"),
        Row(label="c", estimate=10.0, low=10.0, high=10.0, text="10", told="c", kind="above"),
    ]
    svg = forest("differences", rows, has_zero=True)
    page = Page(svg)
    assert page.errors == []
    places = [float(attributes["cx"] or "") for tag, attributes in page.elements if tag == "circle"]
    lines = [attributes for tag, attributes in page.elements if tag == "line"]
    (zero,) = [line for line in lines if line.get("class") == "zero"]
    (interval, *_) = [line for line in lines if line.get("class") is None]
    assert float(zero["x1"] or "") == places[0]
    assert float(interval["x2"] or "") == places[1]
    assert places[0] - float(interval["x1"] or "") == pytest.approx(places[1] - places[0], abs=0.2)
    assert "−10" in page.text


def test_a_plot_of_equal_values_has_an_axis() -> None:
    row = Row(label="a", estimate=3.0, low=3.0, high=3.0, text="3", told="3")
    assert Page(forest("one value", [row])).count("circle") == 1
