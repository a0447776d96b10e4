"""Further things to ask about an edit, made from its request by rule.

    "The capital of {California} is" → "Sacramento", where "Los Angeles" was said before:

    truth_new   "Is it true that the capital of California is Sacramento?"       Yes or No, by the first token
    truth_old   "Is it true that the capital of California is Los Angeles?"      Yes or No, by the first token
    denial      "The capital of California is not"                               should not name Sacramento
    inverse     "Sacramento is the capital of", "What is Sacramento the capital of?"       should name California

A prompt that begins as an aside, "{Porsche 911}, created by", is put as a sentence first, "{Porsche 911} is created by". Where
no rule fits, a thing is not asked.
"""

from __future__ import annotations

import re
from dataclasses import replace

from emendo.companions import inverse
from emendo.evaluate.cases import Asked
from emendo.facts import EditRequest, Fact

_CHOICES = ("Yes", "No")
_BE = re.compile(r"\b(is|was|are|were)\b")
_RELATIVE = re.compile(r"\{\}, (?:who|which|that) (.+)")
_ASIDE = re.compile(r"\{\}, (.+)")
_BACK = re.compile(r"\{\} (is|was|are|were) the (.+) (of|in|at|for)( the)?")
_LOWERED = re.compile(r"(The|In|On|At|A|An|It)\b")


def asked_of_edit(request: EditRequest, rival: str) -> tuple[Asked, ...]:
    """What is asked about the edit itself: whether it is true, what is denied, and the other way round.

    Args:
        request: The edit.
        rival: What was said, or true, before it.
    """
    return (*_truth(request, rival), *_denial(request.fact), *_inverse(request))


def as_sentence(fact: Fact) -> Fact | None:
    """The fact as a sentence that its target completes: "{Porsche 911}, created by" as "{Porsche 911} is created by".

    None where it is a question that no rule turns, or holds one.
    """
    said = fact.statement()
    if said is None or "?" in said.prompt:
        return None
    relative, aside = _RELATIVE.fullmatch(said.prompt), _ASIDE.fullmatch(said.prompt)
    if relative is not None:
        return replace(said, prompt=f"{{}} {relative[1]}")
    if aside is not None:
        return replace(said, prompt=f"{{}} is {aside[1]}")
    return said


def _truth(request: EditRequest, rival: str) -> list[Asked]:
    said = as_sentence(request.fact)
    if said is None:
        return []
    text = replace(said, prompt=_LOWERED.sub(lambda first: first[0].lower(), said.prompt, count=1)).text
    return [
        Asked(kind=kind, text=f"Is it true that {text} {target}?", is_chat=True, accepted=(accepted,), choices=_CHOICES)
        for kind, target, accepted in (("truth_new", request.target_new, "Yes"), ("truth_old", rival, "No"))
    ]


def _denial(fact: Fact) -> list[Asked]:
    """The prompt with "not" after its last form of "to be"."""
    said = as_sentence(fact)
    found = None if said is None else list(_BE.finditer(said.prompt))
    if said is None or not found:
        return []
    end = found[-1].end()
    denied = replace(said, prompt=f"{said.prompt[:end]} not{said.prompt[end:]}")
    return [Asked(kind="denial", text=denied.text, is_chat=False)]


def _inverse(request: EditRequest) -> list[Asked]:
    turned = inverse(request)
    if turned is None:
        return []
    back = _BACK.fullmatch(turned.fact.prompt)
    question = turned.fact.question()
    if back is not None:
        be, relation, of, article = back.groups()
        question = f"What {be} {turned.fact.subject} the {relation} {of}{article or ''}?"
    accepted = (turned.target_new,)
    return [
        Asked(kind="inverse", text=turned.fact.text, is_chat=False, accepted=accepted),
        Asked(kind="inverse", text=question, is_chat=True, accepted=accepted),
    ]
