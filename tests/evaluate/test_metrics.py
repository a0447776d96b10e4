"""Measures against values worked out by hand."""

from __future__ import annotations

import pytest

from emendo.evaluate.metrics import MEASURES, figures
from emendo.evaluate.observation import Answer, Comparison, Observation
from emendo.evaluate.scoring import TargetScore


def compare(wanted: float, other: float, *, argmax: bool = False) -> Comparison:
    return Comparison(wanted=TargetScore(nll=wanted, is_argmax=argmax), other=TargetScore(nll=other, is_argmax=False))


def answer(*, success: bool, stopped: bool = True) -> Answer:
    return Answer(text="Paris.", is_success=success, is_stopped=stopped)


GOOD = Observation(
    rewrite=compare(0.1, 5.0, argmax=True),
    paraphrases=(compare(0.3, 2.0, argmax=True), compare(3.0, 2.0)),
    neighbours=(compare(1.0, 4.0, argmax=True), compare(2.0, 4.0), compare(5.0, 4.0), compare(1.5, 4.0)),
    completion=answer(success=True, stopped=False),
    chat=answer(success=True),
    questions=(answer(success=True), answer(success=False)),
)
BAD = Observation(
    rewrite=compare(5.0, 0.1),
    paraphrases=(compare(4.0, 4.0), compare(1.0, 2.0)),
    neighbours=(compare(1.0, 4.0), compare(4.5, 4.0), compare(5.0, 4.0), compare(6.0, 4.0)),
    completion=answer(success=False),
    chat=answer(success=True, stopped=False),
    questions=(answer(success=False), answer(success=False)),
)


def test_figures_are_those_worked_out_by_hand() -> None:
    found = {figure.name: figure.estimate for figure in figures([GOOD, BAD], [GOOD, BAD])}
    expected = {
        "efficacy_probability": 1 / 2,
        "efficacy_argmax": 1 / 2,
        "paraphrase_probability": (1 / 2 + 1 / 2) / 2,
        "paraphrase_argmax": (1 / 2 + 0) / 2,
        "neighborhood_probability": (3 / 4 + 1 / 4) / 2,
        "neighborhood_argmax": (1 / 4 + 0) / 2,
        "score": 1 / 2,
        "generation_completion": 1 / 2,
        "generation_chat": 1.0,
        "generation_questions": 1 / 4,
        "stop_completion": 1 / 2,
        "stop_chat": 1 / 2,
    }
    assert found == pytest.approx(expected)


def test_the_score_is_the_harmonic_mean_of_the_means() -> None:
    found = {figure.name: figure.estimate for figure in figures([GOOD, GOOD, BAD], [GOOD, GOOD, BAD])}
    parts = [found[name] for name in ("efficacy_probability", "paraphrase_probability", "neighborhood_probability")]
    assert parts == pytest.approx([2 / 3, 1 / 2, (3 / 4 + 3 / 4 + 1 / 4) / 3])
    assert found["score"] == pytest.approx(3 / sum(1 / part for part in parts))


def test_the_score_is_zero_where_a_part_is() -> None:
    found = {figure.name: figure for figure in figures([BAD, BAD], [BAD, BAD])}
    assert found["efficacy_probability"].estimate == 0
    assert (found["score"].estimate, found["score"].low, found["score"].high) == (0, 0, 0)


def test_equal_probabilities_are_no_success() -> None:
    assert not compare(2.0, 2.0).is_likelier


def test_every_figure_lies_in_its_interval_and_says_how_it_was_made() -> None:
    observations = [GOOD, BAD, GOOD, GOOD, BAD]
    binary = {measure.name for measure in MEASURES if measure.is_binary}
    for figure in figures(observations, observations):
        assert 0 <= figure.low <= figure.estimate <= figure.high <= 1
        assert figure.n == len(observations)
        assert figure.interval == ("wilson" if figure.name in binary else "bootstrap")
        assert figure.teacher_forced == (not figure.name.startswith(("generation", "stop")))


def test_a_mean_that_is_the_same_in_every_case_still_has_a_wide_interval() -> None:
    perfect = Observation(
        rewrite=GOOD.rewrite,
        paraphrases=(GOOD.rewrite,),
        neighbours=(GOOD.rewrite,),
        completion=GOOD.completion,
        chat=GOOD.chat,
        questions=(),
    )
    found = {figure.name: figure for figure in figures([perfect] * 10, [perfect] * 10)}
    assert found["paraphrase_probability"].estimate == 1
    assert found["paraphrase_probability"].low == pytest.approx(0.7225, abs=1e-3)


def test_what_no_case_has_is_not_reported() -> None:
    bare = Observation(
        rewrite=GOOD.rewrite, paraphrases=(), neighbours=(), completion=GOOD.completion, chat=GOOD.chat, questions=()
    )
    assert [figure.name for figure in figures([bare], [bare])] == [
        "efficacy_probability",
        "efficacy_argmax",
        "generation_completion",
        "generation_chat",
        "stop_completion",
        "stop_chat",
    ]
