"""Methods on the same cases: differences against values by hand, and what any pairing must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emendo.errors import InvalidRequest
from emendo.evaluate import Report
from emendo.evaluate.compare import Comparison, Pair, compare, compare_methods, compare_unedited
from emendo.evaluate.intervals import bootstrap

Values = Mapping[str, Sequence[float | None]]


def by_name(pair: Pair) -> dict[str, tuple[float, float, float]]:
    return {d.name: (d.estimate, d.low, d.high) for d in pair.differences}


def random_values(seed: int, n: int = 40) -> dict[str, list[float]]:
    generator = np.random.default_rng(seed)
    parts = {name: generator.integers(0, 11, n) / 10 for name in ("paraphrase_probability", "neighborhood_probability")}
    binary = {name: generator.integers(0, 2, n).astype(float) for name in ("efficacy_probability", "generation_chat")}
    return {name: values.tolist() for name, values in {**binary, **parts}.items()}


def test_a_method_does_not_differ_from_itself(report_of: Callable[..., Report]) -> None:
    report = report_of("rome", random_values(1))
    pair = compare(report, replace(report, method="twin"), seed=3)
    assert {d.name for d in pair.differences} == {figure.name for figure in report.edited} >= {"score", "generation_chat"}
    assert set(by_name(pair).values()) == {(0.0, 0.0, 0.0)}
    assert not any(d.excludes_zero for d in pair.differences)


def test_a_difference_that_every_case_has_is_told_without_width(report_of: Callable[..., Report]) -> None:
    one = report_of("one", {"paraphrase_argmax": [0.5, 0.25, 1.0], "generation_chat": [1.0, 1.0, 1.0]})
    two = report_of("two", {"paraphrase_argmax": [0.25, 0.0, 0.75], "generation_chat": [0.0, 0.0, 0.0]})
    differences = by_name(compare(one, two))
    assert differences["paraphrase_argmax"] == pytest.approx((0.25, 0.25, 0.25))
    assert differences["generation_chat"] == (1.0, 1.0, 1.0)
    # Three cases of one kind say nothing in an exact test.
    assert {d.name: d.excludes_zero for d in compare(one, two).differences} == {
        "paraphrase_argmax": True,
        "generation_chat": False,
    }
    assert by_name(compare(two, one))["generation_chat"] == (-1.0, -1.0, -1.0)


@pytest.mark.parametrize(
    ("ahead", "behind", "differs"), [(5, 0, False), (6, 0, True), (8, 1, True), (7, 1, False), (0, 6, True)]
)
def test_shares_differ_where_the_exact_test_says_so(
    report_of: Callable[..., Report], ahead: int, behind: int, differs: bool
) -> None:
    equal = [1.0, 0.0] * 20
    one = report_of("one", {"generation_chat": [1.0] * ahead + [0.0] * behind + equal})
    two = report_of("two", {"generation_chat": [0.0] * ahead + [1.0] * behind + equal})
    (difference,) = compare(one, two).differences
    # 2 · P(at most min(ahead, behind) of ahead + behind at even odds): 0.0625, 0.03125, 0.0391, 0.0703.
    assert difference.excludes_zero is differs


def test_only_cases_that_both_have_are_paired(report_of: Callable[..., Report]) -> None:
    one = report_of("one", {"generation_questions": [1.0, 0.0, None, 1.0]}, ids=["a", "b", "c", "d"])
    two = report_of("two", {"generation_questions": [0.0, 0.0, 1.0, 0.5, None]}, ids=["d", "b", "e", "c", "a"])
    pair = compare(one, two)
    # Both know b (0 and 0) and d (1 and 0); a and c lack a value on one side.
    (difference,) = pair.differences
    assert (pair.n, difference.n, difference.estimate) == (4, 2, 0.5)
    assert (difference.low, difference.high, difference.excludes_zero) == (0.0, 1.0, False)


def test_the_interval_of_a_measure_is_the_bootstrap_of_its_differences(report_of: Callable[..., Report]) -> None:
    one, two = report_of("one", random_values(1)), report_of("two", random_values(2))
    own, other = (np.array(r.edited_values["paraphrase_probability"]) for r in (one, two))
    expected = bootstrap((own - other)[None], lambda means: means[0], seed=7)
    found = by_name(compare(one, two, seed=7))["paraphrase_probability"]
    assert found == pytest.approx((expected.estimate, expected.low, expected.high))


def test_the_score_is_resampled_for_both_methods_together(report_of: Callable[..., Report]) -> None:
    values = random_values(1)
    one = report_of("one", values)
    # The same cases, all a little worse at one thing: hard for one is hard for the other.
    two = report_of("two", {**values, "paraphrase_probability": [v * 0.9 for v in values["paraphrase_probability"]]})
    score = next(d for d in compare(one, two).differences if d.name == "score")
    figures = [next(f for f in r.edited if f.name == "score") for r in (one, two)]
    assert score.estimate == pytest.approx(figures[0].estimate - figures[1].estimate)
    assert score.high - score.low < 0.2 * (figures[0].high - figures[0].low)
    assert score.excludes_zero


def test_a_method_is_compared_with_what_the_model_did_unedited(report_of: Callable[..., Report]) -> None:
    report = report_of("one", {"generation_chat": [1.0, 1.0, 0.0, 1.0]}, unedited={"generation_chat": [0.0, 1.0, 0.0, 0.0]})
    (difference,) = compare_unedited(report).differences
    assert (difference.estimate, difference.n) == (0.5, 4)


def test_a_comparison_is_read_as_it_was_written(report_of: Callable[..., Report], tmp_path: Path) -> None:
    reports = [report_of(name, random_values(seed)) for seed, name in enumerate(("one", "two", "three"))]
    comparison = compare_methods(reports, command="emendo eval places", date="2026-01-02")
    assert [(pair.method, pair.against) for pair in comparison.pairs] == [("two", "one"), ("three", "one")]
    assert {pair.against for pair in comparison.against_unedited} == {"unedited"}
    path = tmp_path / "folder" / "comparison.json"
    comparison.write(path)
    assert Comparison.read(path) == comparison
    assert [file.name for file in path.parent.iterdir()] == ["comparison.json"]


def test_a_single_report_is_read_as_a_comparison_of_one(report_of: Callable[..., Report], tmp_path: Path) -> None:
    report = report_of("one", random_values(1))
    report.write(tmp_path / "report.json")
    comparison = Comparison.read(tmp_path / "report.json")
    assert (comparison.reports, comparison.pairs, comparison.command) == ((report,), (), "")


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", '{"reports": []}', '{"reports": [1]}'])
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=r"'other\.json' is not a report"):
        Comparison.read(path)


def test_reports_that_do_not_belong_together_are_refused(report_of: Callable[..., Report]) -> None:
    one = report_of("one", random_values(1))
    with pytest.raises(InvalidRequest, match="model digest"):
        compare(one, replace(one, model_digest="other"))
    with pytest.raises(InvalidRequest, match="data digest"):
        compare(one, replace(one, data_digest="other"))
    with pytest.raises(InvalidRequest, match="share no case"):
        compare(one, replace(one, case_ids=tuple(f"other {case}" for case in one.case_ids)))
    with pytest.raises(InvalidRequest, match="keeps no values"):
        compare(replace(one, case_ids=()), one)
