"""Other things to ask about the subject of an edit, by what kind of thing it is.

An edit of one relation should leave the others of its subject alone. Each line of the table has a question, the same as text to
complete, and the relations (by their Wikidata property) that it touches, so that it is not asked where one of them is edited.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

from emendo.evaluate.cases import Asked

RELATIONS = 2


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Something to ask about a subject.

    Attributes:
        question: For chat, with ``{}`` for the subject.
        prompt: Text to complete.
        touches: Properties whose edit may rightly change the answer.
    """

    question: str
    prompt: str
    touches: frozenset[str]


def _topic(question: str, prompt: str, touches: str = "") -> Topic:
    return Topic(question=question, prompt=prompt, touches=frozenset(touches.split()))


_KNOWN_FOR = "P39 P101 P106 P108 P136 P413 P463 P641 P800 P1303"
_LANGUAGE = _topic("What language is spoken in {}?", "The language spoken in {} is", "P17 P37")
_CONTINENT = _topic("On which continent is {}?", "The continent on which {} lies is", "P17 P30 P131 P276")
_CURRENCY = _topic("What is the currency of {}?", "The currency of {} is the", "P17 P38")
_PEOPLE = _topic("How many people live in {}?", "The population of {} is about")
_FAMOUS = _topic("What is {} famous for?", "{} is famous for its")
_KNOWN = _topic("What is {} known for?", "{} is best known for")

TOPICS: dict[str, tuple[Topic, ...]] = {
    "person": (
        _topic("Where was {} born?", "{} was born in the city of", "P19 P27 P103"),
        _topic("When was {} born?", "{} was born in the year", "P569"),
        _topic("What is {} known for?", "{} is best known for", _KNOWN_FOR),
        _topic("What language does {} speak?", "{} speaks the language of", "P19 P27 P103 P1412"),
        _topic("What is the profession of {}?", "By profession, {} is a", _KNOWN_FOR),
        _topic("Who is the father of {}?", "The father of {} is", "P22"),
    ),
    "country": (
        _topic("What is the capital of {}?", "The capital of {} is", "P36"),
        _topic("What is the largest city in {}?", "The largest city in {} is", "largest_city"),
        _LANGUAGE,
        _CURRENCY,
        _CONTINENT,
    ),
    "state": (
        _topic("What is the largest city in {}?", "The largest city in {} is", "largest_city"),
        _topic("What is the nickname of {}?", "The nickname of {} is"),
        _PEOPLE,
        _FAMOUS,
    ),
    "place": (_LANGUAGE, _PEOPLE, _FAMOUS, _CONTINENT),
    "located": (
        _KNOWN,
        _topic("What kind of thing is {}?", "{} is a kind of"),
        _topic("How old is {}?", "{} began in the year"),
    ),
    "organisation": (
        _topic("Who founded {}?", "{} was founded by", "P112 P127 P138"),
        _topic("When was {} founded?", "{} was founded in the year"),
        _topic("What is {} known for?", "{} is best known for", "P136"),
        _topic("Where is {} based?", "{} is based in the city of", "P17 P131 P159 P276 P740"),
    ),
    "work": (
        _topic("When did {} come out?", "{} came out in the year"),
        _KNOWN,
        _topic(
            "In which country was {} made?", "The country in which {} was made is", "P17 P127 P176 P178 P364 P407 P449 P495"
        ),
        _topic("Who created {}?", "{} was created by", "P50 P86 P127 P170 P175 P176 P178 P449"),
    ),
    "anything": (
        _topic("What is {}?", "{} is a"),
        _topic("Why do people care about {}?", "People care about {} because of"),
        _KNOWN,
    ),
}
# What kind of thing the subject of a relation is, by the relation's property; of others nothing is known ("anything").
KINDS: dict[str, str] = {
    **dict.fromkeys(
        "P19 P20 P22 P25 P26 P27 P39 P40 P69 P101 P103 P106 P108 P413 P463 P641 P937 P1303 P1412".split(), "person"
    ),
    **dict.fromkeys("P30 P36 P37 P190".split(), "place"),
    **dict.fromkeys("P17 P131 P276".split(), "located"),
    **dict.fromkeys("P112 P159 P169 P286 P488 P740 P1037".split(), "organisation"),
    **dict.fromkeys("P50 P86 P170 P175 P176 P178 P364 P407 P449 P495".split(), "work"),
}


def asked_of_subject(
    subject: str,
    *,
    kind: str,
    apart_from: Collection[str],
    seed: str,
    n: int = RELATIONS,
    fill: Callable[[str, str], str] = lambda template, subject: template.replace("{}", subject),
) -> tuple[Asked, ...]:
    """Some other relations of a subject, each asked in chat and as text to complete.

    Args:
        subject: What is asked about.
        kind: Key of `TOPICS`, see `KINDS`.
        apart_from: Properties that are not asked about: those that are edited.
        seed: Of the draw among the topics; the id of the case.
        n: How many relations.
        fill: Puts the subject into a template.
    """
    fitting = [topic for topic in TOPICS[kind] if topic.touches.isdisjoint(apart_from)]
    chosen = random.Random(seed).sample(fitting, min(n, len(fitting)))  # noqa: S311 - a reproducible draw, no secret
    return tuple(
        Asked(kind="same_subject", text=fill(text, subject), is_chat=is_chat)
        for topic in chosen
        for text, is_chat in ((topic.question, True), (topic.prompt, False))
    )
