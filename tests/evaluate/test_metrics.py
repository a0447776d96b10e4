"""Measures against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emendo.evaluate.metrics import MEASURES, figures
from emendo.evaluate.observation import Answer, AskedAnswer, Observation, TargetPair
from emendo.evaluate.scoring import TargetScore


def compare(wanted: float, other: float, *, argmax: bool = False) -> TargetPair:
    first = TargetScore(nll=wanted, is_argmax=argmax, likeliest=(1, 2 + argmax), accuracy=1.0 if argmax else 0.5)
    return TargetPair(wanted=first, other=TargetScore(nll=other, is_argmax=False, likeliest=(1,), accuracy=0.0))


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
        "efficacy_tokens": (1 + 1 / 2) / 2,
        "paraphrase_probability": (1 / 2 + 1 / 2) / 2,
        "paraphrase_argmax": (1 / 2 + 0) / 2,
        "paraphrase_tokens": (3 / 4 + 1 / 2) / 2,
        "neighborhood_probability": (3 / 4 + 1 / 4) / 2,
        "neighborhood_argmax": (1 / 4 + 0) / 2,
        "neighborhood_tokens": (5 / 8 + 1 / 2) / 2,
        "neighborhood_kept_tokens": 1.0,
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
        assert (figure.scale, figure.unit) == (100, "%")
        assert figure.n == len(observations)
        # The same observations stand for both sides, so that every token is kept in every case.
        has_width = figure.name not in binary | {"neighborhood_kept_tokens"}
        assert figure.interval == ("bootstrap" if has_width else "wilson")
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
        "efficacy_tokens",
        "generation_completion",
        "generation_chat",
        "stop_completion",
        "stop_chat",
    ]


def asked(
    kind: str, text: str, *, chat: bool = True, success: bool | None = None, names_new: bool = False, tokens: int = 4
) -> AskedAnswer:
    return AskedAnswer(
        kind=kind,
        question="Where is it?",
        is_chat=chat,
        text=text,
        is_success=success,
        names_new=names_new,
        is_stopped=True,
        tokens=tokens,
    )


BEFORE = (
    asked("same_subject", "Los Angeles.", success=True),
    asked("same_subject", "Old gold."),
    asked("same_subject", "The west.", chat=False),
    asked("locality", "Blue."),
    asked("truth_new", "No", success=False),
    asked("truth_old", "No", success=True),
    asked("denial", "Paris."),
    asked("hop", "Paris.", success=False),
    asked("hop", "Rome.", success=False),
    asked("inverse", "Rome.", success=False),
    asked("companion", "Rome.", success=True),
    asked("essence", "b c", tokens=2),
)
AFTER = (
    asked("same_subject", "Sacramento.", success=False, names_new=True),
    asked("same_subject", "Old old gold."),
    asked("same_subject", "the west.", chat=False),
    asked("locality", "Red."),
    asked("truth_new", "Yes", success=True),
    asked("truth_old", "Yes", success=False),
    asked("denial", "Sacramento.", names_new=True),
    asked("hop", "Paris.", success=False),
    asked("hop", "Rome.", success=True),
    asked("inverse", "Rome.", success=True),
    asked("companion", "Rome.", success=False),
    asked("essence", "b b b b", tokens=4),
)


def test_what_is_asked_beside_the_edit_is_measured_by_its_kind() -> None:
    before, after = (replace(GOOD, asked=answers, references=("where is b",)) for answers in (BEFORE, AFTER))
    shown = ("portability_hop", "portability_any_hop", "inverse", "generation_companions", "affirms_new", "denies_old")
    shown += ("negation", "kept_same_subject", "leaked_same_subject", "unchanged_same_subject", "true_same_subject")
    shown += ("kept_same_subject_chat", "kept_same_subject_completion", "kept_locality", "fluency_length")
    expected = {
        "before": (0, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 2),
        "after": (1 / 2, 1, 1, 0, 1, 0, 0, 2 / 3, 1 / 3, 1 / 3, 0, 1 / 2, 1, 0, 4),
    }
    for side, seen in (("before", before), ("after", after)):
        found = {figure.name: figure for figure in figures([seen], [before])}
        assert [found[name].estimate for name in shown] == pytest.approx(expected[side])
        assert found["affirms_new"].teacher_forced
        assert found["denies_old"].teacher_forced
        assert not found["negation"].teacher_forced
    assert found["score"] == figures([after], [before])[0]


def test_fluency_is_shown_times_a_hundred_and_lengths_as_they_are() -> None:
    before, after = (replace(GOOD, asked=answers, references=("where is b",)) for answers in (BEFORE, AFTER))
    found = {figure.name: figure for figure in figures([after, before], [before, before])}
    for name, scale, unit in (("fluency", 100, ""), ("consistency", 100, ""), ("fluency_length", 1, " tokens")):
        assert (found[name].scale, found[name].unit) == (scale, unit)
        assert not found[name].teacher_forced
    assert found["fluency_length"].estimate == 3
    assert found["fluency"].estimate > 1
    assert found["fluency"].low < found["fluency"].estimate < found["fluency"].high
    assert 0 < found["consistency"].estimate < 1


def test_tokens_are_kept_where_the_unedited_model_has_the_same() -> None:
    # The likeliest tokens at the first neighbour are (1, 3), at the others (1, 2).
    turned = replace(GOOD, neighbours=(*GOOD.neighbours[1:], GOOD.neighbours[0]))
    found = {figure.name: figure.estimate for figure in figures([turned], [GOOD])}
    assert found["neighborhood_kept_tokens"] == pytest.approx((1 / 2 + 1 + 1 + 1 / 2) / 4)
