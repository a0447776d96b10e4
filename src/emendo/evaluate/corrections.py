"""Facts that a model has wrong, as cases that set them right.

A benchmark of true facts edits them to something false, as CounterFact does. Turned round, it takes the facts that the model
gets wrong in chat and edits them to the truth. The rival is then what the model says instead, where it says so in the words
of the fact ("The capital of California is Los Angeles."), and else the benchmark's false target. What is asked about the edit
itself is asked about the new one; what a benchmark has only for its own target, such as what follows from it, is left out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from emendo.errors import InvalidRequest
from emendo.evaluate.asking import asked_of_edit
from emendo.evaluate.cases import Case, CaseSet
from emendo.evaluate.naming import names_first
from emendo.evaluate.observation import answer_questions
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, EditableModel

_ASKED_AT_ONCE = 24
# Kinds of things asked whose answer does not depend on the target.
_ABOUT_OTHERS = frozenset(("same_subject", "locality", "essence"))


def corrections(
    model: EditableModel, cases: CaseSet, *, n: int | None = None, progress: Callable[[str, int, int], None] | None = None
) -> CaseSet:
    """The cases whose true target the model does not name in chat, with requests that set it.

    Args:
        model: The model to ask.
        cases: What to ask it; in random order, drawn with the seed of the cases.
        n: Stop asking when there are so many; ask everything unless given.
        progress: Called with a stage, how much of it is done, and of how much.

    Raises:
        InvalidRequest: The model has them all right.
    """
    order = list(range(len(cases.cases)))
    random.Random(cases.seed).shuffle(order)  # noqa: S311 - a reproducible draw, no secret
    wrong: dict[int, Case] = {}
    for start in range(0, len(order), _ASKED_AT_ONCE):
        part = order[start : start + _ASKED_AT_ONCE]
        answers = answer_questions(model, [cases.cases[i].request.fact.question() for i in part], ORIGINAL)
        for i, answer in zip(part, answers, strict=True):
            corrected = _corrected(cases.cases[i], answer)
            if corrected is not None and (n is None or len(wrong) < n):
                wrong[i] = corrected
        if progress is not None:
            progress("asking what the model has wrong", start + len(part), len(order))
        if n is not None and len(wrong) == n:
            break
    if not wrong:
        raise InvalidRequest(f"{model.name} has all {len(cases.cases)} facts right; there is nothing to correct.")
    return replace(cases, cases=tuple(wrong[i] for i in sorted(wrong)))


def _corrected(case: Case, answer: str) -> Case | None:
    """The case that sets a fact right; None where the answer has it right, or nobody says what is true."""
    fact, true = case.request.fact, case.request.fact.target_true
    if true is None or names_first(answer, true, case.request.target_new, subject=fact.subject):
        return None
    said = _mistake(answer, fact.text)
    request = EditRequest(fact=fact, target_new=true, id=f"{case.request.id}-corrected", source=case.request.source)
    # A neighbour with the same truth has nothing to be compared with once that truth is the new target.
    neighbours = tuple(n for n in case.neighbours if n.target_true != true)
    rival = said or case.request.target_new
    return replace(
        case,
        request=request,
        rival=rival,
        neighbours=neighbours,
        asked=(*asked_of_edit(request, rival), *(asked for asked in case.asked if asked.kind in _ABOUT_OTHERS)),
        references=(),
        with_requests=(),
    )


def _mistake(answer: str, prompt: str) -> str | None:
    """What an answer puts after the prompt, up to a mark or conjunction; None where it does not repeat the prompt."""
    match = re.search(re.escape(prompt) + r"\s+(?:the city of\s+)?([^\W\d_][^.,;:!?()\n*\"]*)", answer, re.IGNORECASE)
    if match is None:
        return None
    words = re.split(r"\s+(?:and|which|where|in|with)\s", match[1])[0].strip()
    return words or None
