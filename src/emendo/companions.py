"""Requests that go with a request, by rule: the inverse of a fact, and the same fact in other words.

    "The R of {S} is" → T        inverse      "{T} is the R of" → S
                                  other words  "{S}'s R is", "It is well known that the R of {S} is", "What is the R of {S}?"

A rule that does not fit gives nothing rather than a sentence that nobody would say.
"""

from __future__ import annotations

import re
from dataclasses import replace

from emendo.facts import EditRequest, Fact

# "The capital of {} is", "{}'s capital is", "{} is the capital of": the relation, and the form of to be.
_OF = re.compile(r"^the (?P<relation>[^{}]+) of (?:the )?\{\} (?P<be>is|was)$", re.IGNORECASE)
_POSSESSIVE = re.compile(r"^\{\}'s? (?P<relation>[^{}]+) (?P<be>is|was)$", re.IGNORECASE)
_BACK = re.compile(r"^\{\} (?P<be>is|was) the (?P<relation>[^{}]+) of$", re.IGNORECASE)
_OPENERS = ("It is well known that", "As everyone knows,")


def inverse(request: EditRequest) -> EditRequest | None:
    """The request that asks the other way round; None where no rule fits.

    "The capital of {California} is" → "Sacramento" gives "{Sacramento} is the capital of" → "California".
    """
    prompt = request.fact.prompt
    back = _BACK.match(prompt)
    if back is not None:
        turned = f"The {back['relation']} of {{}} {back['be']}"
    else:
        nominal = _nominal(prompt)
        if nominal is None:
            return None
        turned = f"{{}} {nominal[1]} the {nominal[0]} of"
    fact = Fact(subject=request.target_new, prompt=turned)
    return EditRequest(fact=fact, target_new=request.fact.subject, id=f"{request.id}-inverse", source=request.source)


def paraphrases(request: EditRequest) -> list[EditRequest]:
    """The same fact in other words, each ending where the target follows."""
    fact = request.fact
    if fact.is_question:
        said = fact.statement()
        return [] if said is None else [_in_other_words(request, said.prompt, 1)]
    prompts = [f"{opener} {_continued(fact.prompt)}" for opener in _OPENERS]
    nominal = _nominal(fact.prompt)
    if nominal is not None:
        relation, be = nominal
        other = f"The {relation} of {{}} {be}" if _POSSESSIVE.match(fact.prompt) else f"{{}}'s {relation} {be}"
        prompts = [other, prompts[0], f"What {be} the {relation} of {{}}?"]
    return [_in_other_words(request, prompt, number) for number, prompt in enumerate(prompts, start=1)]


def _nominal(prompt: str) -> tuple[str, str] | None:
    match = _OF.match(prompt) or _POSSESSIVE.match(prompt)
    return None if match is None else (match["relation"], match["be"].lower())


def _in_other_words(request: EditRequest, prompt: str, number: int) -> EditRequest:
    return replace(request, fact=replace(request.fact, prompt=prompt), id=f"{request.id}-words-{number}")


def _continued(prompt: str) -> str:
    """A sentence as it goes on after an opener: an article or pronoun loses its capital, a name keeps it."""
    first, _, rest = prompt.partition(" ")
    lowered = first.lower() if first.lower() in ("the", "a", "an", "in", "it", "this") else first
    return f"{lowered} {rest}" if rest else lowered
