"""Facts that a model has wrong, as cases that set them right.

A benchmark of true facts edits them to something false, as CounterFact does. Turned round, it takes the facts that the model
gets wrong in chat and edits them to the truth. The rival is then what the model says instead, where it says so in the words
of the fact ("The capital of California is Los Angeles."), and else the benchmark's false target.
"""

from __future__ import annotations

import re
from dataclasses import replace

from emendo.errors import InvalidRequest
from emendo.evaluate.cases import CaseSet
from emendo.evaluate.observation import answer_questions, names_first
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, EditableModel


def corrections(model: EditableModel, cases: CaseSet) -> CaseSet:
    """The cases whose true target the model does not name in chat, with requests that set it.

    Raises:
        InvalidRequest: The model has them all right.
    """
    answers = answer_questions(model, [case.request.fact.question() for case in cases.cases], ORIGINAL)
    wrong = []
    for case, answer in zip(cases.cases, answers, strict=True):
        fact, true = case.request.fact, case.request.fact.target_true
        if true is not None and not names_first(answer, true, case.request.target_new, subject=fact.subject):
            said = _mistake(answer, fact.text)
            rival = case.request.target_new if said is None else said
            request = EditRequest(fact=fact, target_new=true, id=f"{case.request.id}-corrected", source=case.request.source)
            # A neighbour with the same truth has nothing to be compared with once that truth is the new target.
            neighbours = tuple(n for n in case.neighbours if n.target_true != true)
            wrong.append(replace(case, request=request, rival=rival, neighbours=neighbours))
    if not wrong:
        raise InvalidRequest(f"{model.name} has all {len(cases.cases)} facts right; there is nothing to correct.")
    return replace(cases, cases=tuple(wrong))


def _mistake(answer: str, prompt: str) -> str | None:
    """What an answer puts after the prompt, up to a mark or conjunction; None where it does not repeat the prompt."""
    match = re.search(re.escape(prompt) + r"\s+(?:the city of\s+)?([^\W\d_][^.,;:!?()\n*\"]*)", answer, re.IGNORECASE)
    if match is None:
        return None
    words = re.split(r"\s+(?:and|which|where|in|with)\s", match[1])[0].strip()
    return words or None
