"""The question that a sentence to complete answers, by rule; templates as in `questions`, whose rules go the other way.

N is a noun, V a verb, P a preposition, and BE one of "is", "was", "are", "were".

    {} was Ved by               Who Ved {}?                  {} was founded by             Who founded {}?
    {} BE … P the N of          What N BE {} … P?            {} is in the country of       What country is {} in?
    {} BE located in            Where BE {} located?         {} was born in                Where was {} born?
    {} BE … P                   What BE {} … P?              {} is a citizen of            What is {} a citizen of?
    {} Vs P the N of            What N does {} V P?          {} speaks the language of     What language does {} speak?
    {} Vs in                    Where does {} V?             {} died in                    Where did {} die?
    {} Vs P                     What does {} V P?            {} works as a                 What does {} work as?
    The R of {} BE in           Where BE the R of {}?        {}'s headquarters are in      Where are {}'s headquarters?
    In {}, the R BE             What BE the R in {}?         In {}, the language spoken is What is the language spoken in {}?

What stands after a comma is put as a sentence first: "{}, who works as a", "{}, created by", "{}, a citizen of", "{}, from".
Nothing is better than a question that nobody would ask, so where no rule fits there is none.
"""

from __future__ import annotations

import re

from emendo.facts.questions import BE, PAST, PREPOSITIONS, THIRD

_P = "|".join(PREPOSITIONS)
_NOUN = rf"((?!heart\b)[a-z]+(?: (?!(?:{_P}|of)\b)[a-z]+)?)"
_PLACE = "located|based|headquartered|situated|found|born|buried"
_BASES = {past: base for base, past in PAST.items()} | {
    "debuted": "debut",
    "expired": "expire",
    "held": "hold",
    "passed": "pass",
    "premiered": "premiere",
    "spoke": "speak",
    "won": "win",
    "wrote": "write",
}
_IRREGULAR = {third: base for base, third in THIRD.items()}
# Whoever does this does it somewhere; "writes in" may be a language.
_SOMEWHERE = frozenset(("die", "expire", "live", "originate", "pass away", "retire", "work"))


def statement_to_question(statement: str) -> str | None:
    """The question that the rest of a sentence answers, both as templates; None where no rule fits."""
    said = re.sub(r"(?:,? (?:a|an|the|named|called))+$", "", _as_sentence(" ".join(statement.split())))
    for pattern, rule in _RULES:
        match = pattern.fullmatch(said)
        question = rule(*match.groups()) if match else None
        if question is not None:
            return f"{question}?"
    return None


def _as_sentence(statement: str) -> str:
    """ "{} works as a" for "{}, who works as a"."""
    for pattern, sentence in (
        (r"\{\},? (?:who|which|that) ", r"{} "),
        (rf"\{{\}}, ({_PLACE}) ", r"{} is \1 "),
        (r"\{\}, ([a-z]+ed )", r"{} was \1"),
        (rf"\{{\}}, (?=an? |(?:{_P})$)", "{} is "),
    ):
        if re.match(pattern, statement):
            return re.sub(pattern, sentence, statement)
    return statement


def _what_noun(be: str, rest: str | None, preposition: str, noun: str) -> str:
    return f"What {noun} {be} {{}} {rest + ' ' if rest else ''}{preposition}"


def _verb_noun(verb: str, preposition: str | None, noun: str) -> str | None:
    form = _base(verb)
    return f"What {noun} {form[0]} {{}} {form[1]}{' ' + preposition if preposition else ''}" if form else None


def _verb(verb: str, preposition: str | None) -> str | None:
    form = _base(verb)
    if form is None:
        return None
    do, base = form
    if base in _SOMEWHERE and preposition in ("in", "at"):
        return f"Where {do} {{}} {base}"
    word = "Where" if preposition == "from" else "What"
    return f"{word} {do} {{}} {base}{' ' + preposition if preposition else ''}"


def _base(verb: str) -> tuple[str, str] | None:
    """ "does", "play" for "plays", and "did", "play" for "played"; None for a form that is not known."""
    first, space, particle = verb.partition(" ")
    if first in _BASES:
        return "did", _BASES[first] + space + particle
    if re.fullmatch(BE, first) or not first.endswith("s") or first.endswith("ss"):
        return None
    regular = re.sub(r"(?<=..)ies$", "ys", re.sub(r"(?<=ch|sh|ss)es$", "s", first))[:-1]
    return "does", _IRREGULAR.get(first, regular) + space + particle


_RULES = [
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"\{\} was ([a-z]+ed) by", lambda verb: f"Who {verb} {{}}"),
        (rf"\{{\}} ({BE}) (?:([a-z -]+) )?({_P}|of) the {_NOUN}(?: of)?", _what_noun),
        (rf"\{{\}} ({BE}) ({_PLACE}) (?:in|at)", lambda be, verb: f"Where {be} {{}} {verb}"),
        (rf"\{{\}} can be ({_PLACE}) (?:in|at)", lambda verb: f"Where can {{}} be {verb}"),
        (rf"\{{\}} ({BE}) (?:in|within)", lambda be: f"Where {be} {{}}"),
        (rf"\{{\}} ({BE}) ((?:originally )?from)", lambda be, rest: f"Where {be} {{}} {rest}"),
        (rf"\{{\}} ({BE}) (married to|[a-z]+ by)", lambda be, rest: f"Who {be} {{}} {rest}"),
        (rf"\{{\}} ({BE}) ((?:[a-z]+ )+(?:{_P}|of))", lambda be, rest: f"What {be} {{}} {rest}"),
        (rf"\{{\}} (?:[a-z]+ly )?([a-z]+)(?: ({_P}))? the {_NOUN}(?: of)?", _verb_noun),
        (rf"\{{\}} (?:[a-z]+ly )?([a-z]+(?: away)?)(?: ({_P}|as))?", _verb),
        (rf"[Tt]he ([a-z ]+ \{{\}}) ({BE}) (?:located )?in", lambda rest, be: f"Where {be} the {rest}"),
        (rf"(\{{\}}'s [a-z ]+) ({BE}) (?:located )?in", lambda rest, be: f"Where {be} {rest}"),
        (rf"In \{{\}}, ((?:the|an?) [a-z ]+) ({BE})", lambda rest, be: f"What {be} {rest} in {{}}"),
    )
]
