"""Questions and the sentences that answer them, by rule.

Prompts are templates: ``{}`` stands for the subject, so no word of a subject is ever taken for a verb. In the rules below R is
a noun phrase, N a noun with its adjectives, V a verb and P a preposition.

    What is R?                  R is                        What is the capital of {}?        The capital of {} is
    R is what?                  R is                        The mother of {} is who?          The mother of {} is
    Who Ved {}?                 {} was Ved by               Who designed the {}?              The {} was designed by
    What N Ved {}?              The N that Ved {} is        What company published {}?        The company that published {} is
    Where was {} V?             {} was V in                 Where was {} born?                {} was born in
    P which N is {} …?          The N P which {} is … is    In which city was {} born?        The city in which {} was born is
    Which N is {} … P?          The N that {} is … P is     Which team is {} a member of?     The team that {} is a member of is
    Which N does {} V P?        The N that {} Vs P is       Which team does {} play for?      The team that {} plays for is
    What is {} V P?             {} is V P                   What is {} named after?           {} is named after

Questions that ask when, how or why fit no rule: what follows the sentence would depend on the answer ("in 1912", "on 3 May").
"""

from __future__ import annotations

import re

# Whom one asks for with "Who": the last words of R in "What is R of {}?".
PERSONS = frozenset(
    "actor actress architect artist author boss brother chairman chairwoman chancellor coach composer captain chief ceo cfo "
    "child conductor creator daughter designer developer director discoverer editor emperor father founder founders governor "
    "head husband illustrator inventor king leader manager mayor minister monarch mother owner parents partner performer "
    "pope premier president producer prophet queen ruler secretary singer sister son spouse successor predecessor wife winner "
    "writer".split()
)
PREPOSITIONS = "about after against at by for from in into of on through to under with".split()
_P = "|".join(PREPOSITIONS)
BE = "is|was|are|were"
# Past forms of verbs that are asked with "did", and participles of those that are not regular.
PAST = {
    "attend": "attended",
    "belong": "belonged",
    "come": "came",
    "die": "died",
    "fight": "fought",
    "graduate": "graduated",
    "live": "lived",
    "originate": "originated",
    "participate": "participated",
    "perform": "performed",
    "play": "played",
    "produce": "produced",
    "retire": "retired",
    "serve": "served",
    "study": "studied",
    "work": "worked",
}
# Third persons that are not regular.
THIRD = {"have": "has", "do": "does", "go": "goes"}
_PARTICIPLES = {"wrote": "written", "built": "built", "made": "made", "won": "won", "led": "led", "sang": "sung"}
_VED = rf"[a-z]+ed|{'|'.join(_PARTICIPLES)}"
# What such a word needs before its object, where the question leaves it out: "What city was {} born?".
_MISSING = {"belong": "to", "based": "in", "born": "in", "die": "in", "live": "in", "located": "in", "originate": "in"}


def question_to_statement(question: str) -> str | None:
    """The sentence whose completion answers a question, both as templates; None where no rule fits."""
    asked = " ".join(question.split()).rstrip("? ")
    if any(mark in asked for mark in "?!") or asked.count("{}") != 1:
        return None
    for pattern, rule in _RULES:
        match = pattern.fullmatch(asked)
        statement = rule(*match.groups()) if match else None
        if statement is not None:
            return statement if statement.startswith("{}") else statement[0].upper() + statement[1:]
    return None


def question_word(prompt: str) -> str:
    """ "Who" for "The mother of {} is", "What" for "The capital of {} is"."""
    prompt = re.sub(rf"\s+({BE})(\s+(called|named|the|a|an))?$", "", prompt, flags=re.IGNORECASE)
    of = re.match(r"^the\s+([\w\s-]*?)\s+(?:of|at|in|for)\s", prompt, re.IGNORECASE)
    relation = of[1] if of else prompt.rpartition("'s ")[2]
    words = relation.lower().split()
    return "Who" if words and words[-1] in PERSONS else "What"


def _nominal(be: str, phrase: str) -> str | None:
    """ "What is R?"; R has a noun before its subject, or is possessive: "the capital of {}", "{}'s capital"."""
    whole = rf"the [^,{{}}]+ (?:{_P}) (?:[^,{{}}]+ )?\{{\}}\S*"
    clause = rf"the [^,{{}}]+ (?:that|which|where|whom) .*\{{\}}.*|the [^,{{}}]+ \{{\}} (?:{BE}) .*"
    fits = re.fullmatch(rf"{whole}|{clause}|.*\{{\}}'s \S.*", phrase, re.IGNORECASE)
    return f"{phrase} {be}" if fits else None


def _asked_last(phrase: str, be: str) -> str | None:
    """ "R is what?"; not "What R is …?"."""
    return _nominal(be, phrase) if phrase.lower().startswith("the ") or phrase.startswith("{}") else None


def _bare(be: str) -> str:
    return f"{{}} {be}"


def _passive(verb: str, article: str | None) -> str:
    return f"{article or ''}{{}} was {_PARTICIPLES.get(verb, verb)} by"


def _agent(noun: str, verb: str, article: str | None) -> str:
    return f"the {noun} that {verb} {article or ''}{{}} is"


def _place(be: str, rest: str | None) -> str:
    return f"{{}} {be} {rest} in" if rest else f"{{}} {be} in"


def _did_place(verb: str) -> str | None:
    return f"{{}} {PAST[verb]} in" if verb in PAST else None


def _fronted(preposition: str, noun: str, be: str, subject: str, rest: str | None) -> str | None:
    if rest is not None and rest.split()[-1] in PREPOSITIONS:
        return None
    verb = f"{subject} {be} {rest}" if rest else f"{subject} {be}"
    return f"the {noun} {preposition.lower()} which {verb} is"


def _fronted_did(preposition: str, noun: str, do: str, subject: str, verb: str) -> str | None:
    form = _form(do, verb)
    return None if form is None else f"the {noun} {preposition.lower()} which {subject} {form} is"


def _stranded(noun: str, be: str, subject: str, rest: str) -> str | None:
    last = rest.split()[-1]
    if last in PREPOSITIONS:
        return f"the {noun} that {subject} {be} {rest} is"
    preposition = _left_out(noun, last, last.endswith("ed"))
    return None if preposition is None else f"the {noun} that {subject} {be} {rest} {preposition} is"


def _stranded_did(noun: str, do: str, subject: str, verb: str, preposition: str | None) -> str | None:
    form = _form(do, verb)
    if form is None or noun.endswith(("date", "day")):
        return None
    preposition = preposition or _left_out(noun, verb, do == "did")
    return f"the {noun} that {subject} {form}{' ' + preposition if preposition else ''} is"


def _left_out(noun: str, verb: str, is_past: bool) -> str | None:
    """The preposition that a question left out after its last word: "What city was {} born?", "What year was {} opened?"."""
    if noun.endswith(("date", "day")):
        return None
    return _MISSING.get(verb) or ("in" if noun.endswith("year") and is_past else None)


def _participle(be: str, subject: str, verb: str, preposition: str) -> str:
    return f"{subject} {be} {verb} {preposition}"


def _form(do: str, verb: str) -> str | None:
    """The verb of "does play" or "did play": "plays", "played"; None for a past that is not known."""
    if do == "did":
        return PAST.get(verb)
    if verb in THIRD:
        return THIRD[verb]
    if re.search(r"(s|x|z|ch|sh)$", verb):
        return verb + "es"
    return re.sub(r"(?<![aeiou])y$", "ie", verb) + "s"


_SUBJECT = r"((?:the )?\{\})"
_NOUN = r"([a-z][a-z-]*(?: [a-z-]+){0,2})"
_RULES = [
    (re.compile(pattern), rule)
    for pattern, rule in (
        (rf"(?:What|Who|Which) ({BE}) (.+)", _nominal),
        (rf"(?:What|Who) ({BE}) \{{\}}", _bare),
        (rf"(.+) ({BE})(?: who| whom| what| which)?", _asked_last),
        (rf"(?:Who|What) ({_VED}) (the )?\{{\}}", _passive),
        (rf"By whom was (the )?\{{\}} ({_VED}|written|sung)", lambda article, verb: _passive(verb, article)),
        (rf"(?:What|Which) {_NOUN} ({_VED}) (the )?\{{\}}", _agent),
        (rf"Where ({BE}) \{{\}}(?: (located|based|born|situated|founded|formed|buried|made|produced))?", _place),
        (r"Where did \{\} ([a-z]+)", _did_place),
        (rf"(During|{_P.title()}) (?:what|which) {_NOUN} ({BE}) {_SUBJECT}(?: ([a-z ]+))?", _fronted),
        (rf"(During|{_P.title()}) (?:what|which) {_NOUN} (does|did) {_SUBJECT} ([a-z]+)", _fronted_did),
        (rf"(?:What|Which) {_NOUN} ({BE}) {_SUBJECT} ([a-z ]+)", _stranded),
        (rf"(?:What|Which) {_NOUN} (does|did) {_SUBJECT} ([a-z]+)(?: ({_P}))?", _stranded_did),
        (rf"What ({BE}) ((?:the (?:[^,{{}}]+ )?)?\{{\}}) ([a-z]+) ({_P})", _participle),
    )
]
