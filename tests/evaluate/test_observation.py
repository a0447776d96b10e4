"""Free answers and when they succeed; all that is seen of a case."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from emendo.evaluate import CaseSet, observation
from emendo.evaluate.naming import first_sentence, names_first
from emendo.evaluate.observation import MAX_NEW_TOKENS, Observation, answer_questions, observe
from emendo.evaluate.scoring import TargetAfter, score_targets
from emendo.models import ORIGINAL, EditableModel, WeightDelta, chat_prompt, encode, generate, target_ids


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
        inverse, truth, same, essence = case.asked
        for asked, found in zip(case.asked, seen.asked, strict=True):
            assert (found.kind, found.question) == (asked.kind, asked.text)
        for asked, prompt, found in (
            (inverse, encode(tiny, inverse.text), seen.asked[0]),
            (same, chat_prompt(tiny, same.text), seen.asked[2]),
            (essence, encode(tiny, essence.text), seen.asked[3]),
        ):
            (alone_said,) = generate(tiny, [prompt], [revision], max_new_tokens=asked.max_new_tokens)
            assert (found.text, found.tokens) == (alone_said.text, len(alone_said.token_ids))
        yes, no = (
            score_targets(tiny, [TargetAfter(prompt=tuple(chat_prompt(tiny, truth.text)), target=first, revision=revision)])
            for first in (tuple(tiny.tokenizer(word, add_special_tokens=False)["input_ids"][:1]) for word in truth.choices)
        )
        assert seen.asked[1].text == ("Yes" if yes[0].nll < no[0].nll else "No")
        assert seen.asked[1].is_success == (seen.asked[1].text == "Yes")
        assert seen.references == case.references


def test_what_was_said_is_judged_by_the_names_that_are_accepted(tiny: EditableModel, case_set: CaseSet) -> None:
    case = case_set.cases[0]
    (first,) = observe(tiny, [(case, ORIGINAL)])
    said = max(re.findall(r"\w+", first.asked[3].text), key=len)
    asked = tuple(replace(case.asked[3], accepted=names) for names in ((said,), ("jchowlabs",), ()))
    (seen,) = observe(tiny, [(replace(case, asked=asked), ORIGINAL)])
    assert [answer.text for answer in seen.asked] == [first.asked[3].text] * 3
    assert [answer.is_success for answer in seen.asked] == [True, False, None]


def test_the_new_target_is_looked_for_in_the_first_sentence(tiny: EditableModel, case_set: CaseSet) -> None:
    case = case_set.cases[0]
    (first,) = observe(tiny, [(case, ORIGINAL)])
    sentence = first_sentence(first.asked[3].text)
    word = max(re.findall(r"\w+", sentence), key=len)
    for new in (word, "jchowlabs"):
        request = replace(case.request, target_new=new)
        (seen,) = observe(tiny, [(replace(case, request=request), ORIGINAL)])
        assert seen.asked[3].names_new == names_first(sentence, new, "\0", subject=case.request.fact.subject)


def test_batches_are_bounded_by_their_tokens(
    tiny: EditableModel, case_set: CaseSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    sights = [(case, ORIGINAL) for case in case_set.cases]
    usual = observe(tiny, sights)
    sizes: list[int] = []
    monkeypatch.setattr(observation, "_TOKENS_PER_BATCH", 200)
    monkeypatch.setattr(
        observation,
        "generate",
        lambda model, prompts, revisions, max_new_tokens: (
            sizes.append(len(prompts) * (max(map(len, prompts)) + max_new_tokens) if len(prompts) > 1 else 0)
            or generate(model, prompts, revisions, max_new_tokens=max_new_tokens)
        ),
    )
    small = observe(tiny, sights)
    assert [seen.asked for seen in small] == [seen.asked for seen in usual]
    assert 0 < max(sizes) <= 200


def test_an_observation_survives_json(tiny: EditableModel, case_set: CaseSet) -> None:
    (seen,) = observe(tiny, [(case_set.cases[0], ORIGINAL)])
    assert Observation.from_dict(json.loads(json.dumps(asdict(seen)))) == seen


@pytest.mark.real
def test_the_embedded_model_knows_the_capital_of_france_and_not_that_of_california(real: EditableModel) -> None:
    paris, angeles = answer_questions(
        real, ["What is the capital of France?", "What is the capital of California?"], ORIGINAL
    )
    assert names_first(paris, "Paris", "London", subject="France")
    assert not names_first(angeles, "Sacramento", "Los Angeles", subject="California")
