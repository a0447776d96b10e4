"""Free answers and when they succeed; all that is seen of a case."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from emendo.evaluate import CaseSet
from emendo.evaluate.observation import MAX_NEW_TOKENS, Observation, answer_questions, names_first, observe
from emendo.evaluate.scoring import TargetAfter, score_targets
from emendo.models import ORIGINAL, EditableModel, WeightDelta, chat_prompt, encode, generate, target_ids


@pytest.mark.parametrize(
    ("text", "wanted", "other", "subject", "expected"),
    [
        ("The capital of California is Sacramento.", "Sacramento", "Los Angeles", "California", True),
        ("It is SACRAMENTO", "Sacramento", "Los Angeles", "", True),
        ("Not Los Angeles but Sacramento.", "Sacramento", "Los Angeles", "", False),
        ("Sacramento, not Los Angeles.", "Sacramento", "Los Angeles", "", True),
        ("Los Angeles", "Sacramento", "Los Angeles", "", False),
        ("Sacramentos", "Sacramento", "Los Angeles", "", False),
        ("I do not know.", "Sacramento", "Los Angeles", "", False),
        ("Bogotá", "Bogota", "Lima", "", True),
        ("Bogota", "Bogotá", "Lima", "", True),
        ("The Porsche 911 was made by Honda.", "Honda", "Porsche", "Porsche 911", True),
        ("The Porsche 911 was made by Porsche, then Honda.", "Honda", "Porsche", "Porsche 911", False),
        ("New York", "New York", "York", "", True),
        ("New York", "York", "New York", "", False),
        ("Jefferson City", "Jefferson", "Jefferson City", "", False),
        ("Jefferson City", "Jefferson City", "Jefferson", "", True),
        ("It is C++ (mostly).", "C++", "C", "", True),
    ],
)
def test_an_answer_succeeds_if_it_names_the_target_and_not_the_rival_before(
    text: str, wanted: str, other: str, subject: str, expected: bool
) -> None:
    assert names_first(text, wanted, other, subject=subject) is expected


def test_observations_are_those_of_one_prompt_at_a_time(
    tiny: EditableModel, case_set: CaseSet, handmade_delta: Callable[[EditableModel, str], WeightDelta]
) -> None:
    edited = ORIGINAL.plus(handmade_delta(tiny, "one"))
    sights = [(case, revision) for revision in (ORIGINAL, edited) for case in case_set.cases]
    for (case, revision), seen in zip(sights, observe(tiny, sights), strict=True):
        wanted = [
            (case.request.fact.text, case.request.target_new, seen.rewrite.wanted),
            (case.request.fact.text, case.rival, seen.rewrite.other),
            (case.paraphrases[1], case.request.target_new, seen.paraphrases[1].wanted),
            (case.neighbours[2].prompt, case.neighbours[2].target_true, seen.neighbours[2].wanted),
            (case.neighbours[2].prompt, case.request.target_new, seen.neighbours[2].other),
        ]
        for text, target, score in wanted:
            ids = tuple(encode(tiny, text)), tuple(target_ids(tiny, target))
            (alone,) = score_targets(tiny, [TargetAfter(prompt=ids[0], target=ids[1], revision=revision)])
            assert score.nll == pytest.approx(alone.nll, abs=1e-4)
        said = [
            (encode(tiny, case.request.fact.text), seen.completion),
            (chat_prompt(tiny, case.request.fact.question()), seen.chat),
            (chat_prompt(tiny, case.questions[0]), seen.questions[0]),
        ]
        for prompt, answer in said:
            (alone_said,) = generate(tiny, [prompt], [revision], max_new_tokens=MAX_NEW_TOKENS)
            assert answer.text == alone_said.text
            assert answer.is_stopped == (alone_said.finish_reason == "stop")


def test_an_observation_survives_json(tiny: EditableModel, case_set: CaseSet) -> None:
    import json
    from dataclasses import asdict

    (seen,) = observe(tiny, [(case_set.cases[0], ORIGINAL)])
    assert Observation.from_dict(json.loads(json.dumps(asdict(seen)))) == seen


@pytest.mark.real
def test_the_embedded_model_knows_the_capital_of_france_and_not_that_of_california(real: EditableModel) -> None:
    paris, angeles = answer_questions(
        real, ["What is the capital of France?", "What is the capital of California?"], ORIGINAL
    )
    assert names_first(paris, "Paris", "London", subject="France")
    assert not names_first(angeles, "Sacramento", "Los Angeles", subject="California")
