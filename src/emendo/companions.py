"""Requests that go with a request, by rule: the inverse of a fact, and the same fact in other words.

    "The R of {S} is" → T        inverse      "{T} is the R of" → S
                                  other words  "{S}'s R is", "It is well known that the R of {S} is", "What is the R of {S}?"
    "{S}'s R is" → T             inverse      "{T} is the R of" → S
    "{S} is the R of" → T        inverse      "The R of {T} is" → S

A question is first put as a statement. A rule that does not fit gives nothing rather than a sentence that nobody would say.
There is no inverse where many subjects share a target: from "The mother tongue of {Danielle} is" → "French" it does not follow
whose mother tongue French is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from emendo.facts import EditRequest, Fact
from emendo.facts.questions import question_word

_MOST = 4
_BE = r"(?P<be>is|was|are|were)(?: called| named)?"
_RELATION = r"(?P<relation>[^{},]+?)"
_OF = re.compile(rf"the {_RELATION} (?P<of>(?:of|in|at|for)(?: the)?) \{{\}} {_BE}", re.IGNORECASE)
_POSSESSIVE = re.compile(rf"\{{\}}(?:['’]s|['’]) {_RELATION} {_BE}")
_BACK = re.compile(rf"\{{\}} {_BE} the {_RELATION} (?P<of>(?:of|in|at|for)(?: the)?)")
_CLAUSE = re.compile(r"\b(of|in|at|for|by|to|from|on|with|that|which|who|whom|where|when|\w+ed|made|name)\b", re.IGNORECASE)
# "date of birth", "cause of death": a possessive may stand before these as before a noun.
_COMPOUND = re.compile(r"\w+ of (birth|death|origin|citizenship|residence|employment)", re.IGNORECASE)
# Relations whose targets many subjects share, by their nouns.
_SHARED = frozenset(
    (
        *("age", "area", "birthplace", "cause", "citizenship", "class", "color", "colour", "company", "constellation"),
        *("continent", "country", "currency", "date", "day", "designer", "developer", "employer", "family", "field"),
        *("gender", "genre", "headquarter", "headquarters", "height", "home", "industry", "instrument", "kind", "label"),
        *("language", "league", "location", "maker", "manufacturer", "material", "month", "nationality", "network"),
        *("number", "occupation", "origin", "owner", "party", "place", "population", "position", "price", "profession"),
        *("publisher", "religion", "sex", "size", "speed", "sport", "state", "style", "team", "temperature", "time"),
        *("title", "tongue", "type", "university", "weight", "year"),
    )
)
# First words that lose their capital within a sentence; names keep it.
_LOWERED = frozenset(("a", "an", "at", "by", "for", "from", "in", "it", "its", "of", "on", "one", "the", "these", "this"))


@dataclass(frozen=True, kw_only=True)
class _Nominal:
    """The prompt "The R of {} is", in whichever form it was written; `of` may be another preposition, and have an article."""

    relation: str
    of: str
    be: str
    is_possessive: bool

    @property
    def is_shared(self) -> bool:
        """Whether many subjects share a target: by the last noun of R, or the one before "of" in it."""
        head = _CLAUSE.split(self.relation, maxsplit=1)[0].split() or self.relation.split()
        return head[-1].lower() in _SHARED


def inverse(request: EditRequest) -> EditRequest | None:
    """The request that asks the other way round; None where no rule fits.

    "The capital of {California} is" → "Sacramento" gives "{Sacramento} is the capital of" → "California".
    """
    statement = request.fact.statement()
    if statement is None:
        return None
    nominal, back = _nominal(statement.prompt), _BACK.fullmatch(statement.prompt)
    if nominal is not None and not nominal.is_shared:
        prompt = f"{{}} {nominal.be} the {nominal.relation} {nominal.of}"
    elif back is not None:
        prompt = f"The {back['relation']} {back['of']} {{}} {back['be']}"
    else:
        return None
    fact = Fact(subject=request.target_new, prompt=prompt)
    return EditRequest(fact=fact, target_new=statement.subject, id=f"{request.id}-inverse", source=request.source)


def paraphrases(request: EditRequest) -> list[EditRequest]:
    """The same fact in two to four other wordings.

    Each ends where the target follows: as the rest of a sentence, or as the answer to a question.
    """
    prompts = [prompt for prompt in dict.fromkeys(_other_words(request.fact)) if prompt != request.fact.prompt]
    return [
        replace(request, fact=replace(request.fact, prompt=prompt), id=f"{request.id}-words-{number}")
        for number, prompt in enumerate(prompts[:_MOST], start=1)
    ]


def _other_words(fact: Fact) -> list[str]:
    """Templates that say what a fact's prompt says; the prompt itself may be among them."""
    statement = fact.statement()
    if statement is None:
        return [f"Question: {fact.prompt} Answer:", f"Please answer this question. {fact.prompt}"]
    prompt = statement.prompt
    asked = re.fullmatch(r"(.*\?) (.+)", prompt)
    if asked is not None:
        return [f"Question: {asked[1]} Answer: {asked[2]}", f"Here is a question and its answer. {prompt}"]
    within = _within_a_sentence(prompt)
    wrapped = [f"It is well known that {within}", f"As everyone knows, {within}"]
    nominal = _nominal(prompt)
    if nominal is None:
        return [prompt, *wrapped]
    question = f"{question_word(prompt)} {nominal.be} the {nominal.relation} {nominal.of} {{}}?"
    reworded = [f"The {nominal.relation} {nominal.of} {{}} {nominal.be}"]
    is_noun = not _CLAUSE.search(nominal.relation) or _COMPOUND.fullmatch(nominal.relation)
    # "The nearest station for {} is" has no possessive, nor has "the Netherlands".
    has_article = fact.subject.lower().startswith("the ")
    if nominal.is_possessive or (is_noun and nominal.of in ("of", "in") and not has_article):
        reworded.append(f"{{}}'s {nominal.relation} {nominal.be}")
    if nominal.is_possessive:
        question = f"{question_word(prompt)} {nominal.be} {{}}'s {nominal.relation}?"
    return [*reworded, *wrapped[:1], question, *wrapped[1:]]


def _nominal(prompt: str) -> _Nominal | None:
    found = _OF.fullmatch(prompt)
    if found is not None:
        return _Nominal(relation=found["relation"], of=found["of"].lower(), be=found["be"].lower(), is_possessive=False)
    found = _POSSESSIVE.fullmatch(prompt)
    if found is not None:
        return _Nominal(relation=found["relation"], of="of", be=found["be"], is_possessive=True)
    return None


def _within_a_sentence(prompt: str) -> str:
    """A sentence as it goes on after an opening: its first word loses its capital, unless it is a name."""
    first, _, rest = prompt.partition(" ")
    return f"{first.lower()} {rest}" if first.lower() in _LOWERED else prompt
