"""Pairs of a claim and evidence with what a careful reader says of them: supported, refuted, or not enough evidence.

    same subject, same relation, same value in other words          supported
    same subject, functional relation, another value                refuted
    same subject, a relation with several values, another value     not enough: both may hold
    another subject, or another relation                            not enough
    "not" in one of the two                                         the other way round
    a rumour, a story, the past; a place inside the other           not enough
    a number that is rounded                                        supported
    a number or a date that has drifted                             refuted

Evidence is bare, inside a longer sentence, or among other sentences. The draw is seeded, so that the same pairs come each time.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emendo.verify.names import fold
from nli_training.facts import Facts
from nli_training.quantities import is_same_number, made_up, number_of, rounded, written
from nli_training.wordings import HELD_OUT, NEAR, WORDED, Worded, negated

SUPPORTED, REFUTED, NOT_ENOUGH = LABELS = ("supported", "refuted", "not_enough_evidence")
_HEDGES = (
    "It is a myth that {}", "Some people falsely believe that {}", "According to an unconfirmed rumour, {}", "In the novel, {}",
    "It has been suggested that {}", "Critics wrongly claimed that {}", "In a film about an invented world, {}",
    "Imagine that {}", "Nobody knows whether {}", "A hoax said that {}",
)  # fmt: skip
_PAST = ("Until 1962, {}", "In the Middle Ages, {}", "Before the reform, {}")
_TAILS = (
    "", "", "", "", ", according to the register", " to this day", ", as the archive records", " and is widely known for it",
    ", a fact often quoted",
)  # fmt: skip
_HEADS = ("", "", "", "", "", "In fact, ", "As is well known, ", "Today, ", "Officially, ")
_FILLERS = (
    "The article was last reviewed in spring.", "More details are given below.", "Many visitors come every year.",
    "The early history is less well documented.", "See also the list of related topics.", "Little else is recorded.",
    "Its reputation has grown over the decades.", "Several books deal with the subject.",
)  # fmt: skip


_NO_NAMES = frozenset(
    "The A An In On By With At About It Some People Phone Web Visitors Chemists Nobody Critics Imagine".split()
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A claim beside evidence.

    Attributes:
        claim: What is said.
        evidence: What the evidence says.
        label: One of `LABELS`.
        relation: Of the claim.
        kind: How the pair was made.
    """

    claim: str
    evidence: str
    label: str
    relation: str
    kind: str


class Generator:
    """Draws pairs from facts.

    Args:
        facts: Subjects and values.
        takes: Which subjects may be used.
        seed: Of the draw.
        held_out: Whether the held-out relations are drawn, or all others.
    """

    def __init__(self, facts: Facts, takes: Callable[[str], bool], seed: int, *, held_out: bool = False) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
        self._facts = facts
        self._names = [name for name in WORDED if (name in HELD_OUT) == held_out]
        subjects: dict[str, set[str]] = {}
        for name, worded in WORDED.items():
            subjects.setdefault(worded.kind, set()).update(filter(takes, facts.values.get(name, {})))
        self._subjects = {kind: sorted(found) for kind, found in subjects.items()}
        self._people = self._subjects["person"]
        self._own = {
            name: [s for s in facts.values[name] if takes(s)] for name in self._names if WORDED[name].values == "data"
        }

    def pairs(self) -> Iterator[Pair]:
        """Pairs without end, as many of each way of making them as its weight says."""
        makers = (
            (self._same, 24), (self._swap, 24), (self._other_subject, 10), (self._other_relation, 14), (self._negation, 11),
            (self._hedge, 6), (self._two, 8), (self._quantity, 8), (self._inside, 4),
        )  # fmt: skip
        while True:
            (maker,) = self._draw.choices([made for made, _ in makers], [weight for _, weight in makers])
            name = self._draw.choice(self._names)
            pair = maker(WORDED[name])
            if pair is not None:
                yield pair

    def _fact(self, worded: Worded) -> tuple[str, str]:
        """A subject and a value: half of them as they are known, half made up."""
        if worded.values == "data" and self._draw.random() < 0.5 and self._own[worded.name]:
            subject = self._draw.choice(self._own[worded.name])
            return subject, self._draw.choice(sorted(self._facts.values[worded.name][subject]))
        return self._draw.choice(self._subjects[worded.kind]), self._value(worded)

    def _value(self, worded: Worded) -> str:
        if worded.values == "data":
            return self._draw.choice(self._facts.pools[worded.name])
        return made_up(worded.values, self._draw, self._people)

    def _other_value(self, worded: Worded, value: str) -> str | None:
        words = set(fold(value).split())
        for _ in range(20):
            other = self._value(worded)
            if not words & set(fold(other).split()) and not is_same_number(value, other):
                return other
        return None

    def _say(self, worded: Worded, subject: str, value: str) -> str:
        return self._draw.choice(worded.forms).format(s=subject, v=value)

    def _claim(self, text: str) -> str:
        return text[0].upper() + text[1:] + self._draw.choice((".", ".", ".", ""))

    def _evidence(self, text: str) -> str:
        """As it might stand in a text."""
        draw = self._draw
        if draw.random() < 0.35:
            head, tail = draw.choice(_HEADS), draw.choice(_TAILS)
            text = head + (_inside_sentence(text) if head else text) + tail
        text = f"{text[0].upper()}{text[1:]}."
        if draw.random() < 0.25:
            text = f"{self._filler()} {text}"
        if draw.random() < 0.25:
            text = f"{text} {self._filler()}"
        return text

    def _filler(self) -> str:
        if self._draw.random() < 0.5:
            return self._draw.choice(_FILLERS)
        worded = WORDED[self._draw.choice(self._names)]
        return self._say(worded, *self._fact(worded)) + "."

    def _pair(self, claim: str, evidence: str, label: str, worded: Worded, kind: str) -> Pair:
        return Pair(
            claim=self._claim(claim), evidence=self._evidence(evidence), label=label, relation=worded.name, kind=kind
        )

    def _same(self, worded: Worded) -> Pair:
        subject, value = self._fact(worded)
        return self._pair(
            self._say(worded, subject, value), self._say(worded, subject, value), SUPPORTED, worded, "same value"
        )

    def _swap(self, worded: Worded) -> Pair | None:
        subject, value = self._fact(worded)
        other = self._other_value(worded, value)
        if other is None:
            return None
        label = REFUTED if worded.is_functional else NOT_ENOUGH
        kind = "other value" if worded.is_functional else "another of several"
        return self._pair(self._say(worded, subject, other), self._say(worded, subject, value), label, worded, kind)

    def _other_subject(self, worded: Worded) -> Pair | None:
        subject, value = self._fact(worded)
        other = self._draw.choice(self._subjects[worded.kind])
        if self._draw.random() < 0.4 and " " in subject:
            # Namesakes: one word of the name is another.
            words, others = subject.split(), other.split()
            words[self._draw.randrange(len(words))] = self._draw.choice(others)
            other = " ".join(words)
        if fold(other) == fold(subject):
            return None
        said = value if self._draw.random() < 0.5 else self._other_value(worded, value)
        if said is None:
            return None
        return self._pair(
            self._say(worded, subject, said), self._say(worded, other, value), NOT_ENOUGH, worded, "other subject"
        )

    def _other_relation(self, worded: Worded) -> Pair | None:
        draw = self._draw
        subject, value = self._fact(worded)
        near = [
            name for group in NEAR if worded.name in group for name in group if name in self._names and name != worded.name
        ]
        if near and draw.random() < 0.6:
            other = WORDED[draw.choice(near)]
        else:
            alike = [name for name in self._names if WORDED[name].kind == worded.kind and name != worded.name]
            if not alike:
                return None
            other = WORDED[draw.choice(alike)]
        if {worded.name, other.name} in ({"birth_date", "birth_year"}, {"official_language", "language"}):
            return None
        if {worded.name, other.name} == {"landmark_city", "landmark_country"}:
            return None
        told = (
            value
            if near and other.name in near and other.kind == worded.kind and draw.random() < 0.5
            else self._value(other)
        )
        if {worded.name, other.name} == {"native_language", "speaks"} and fold(told) == fold(value):
            return None
        return self._pair(
            self._say(worded, subject, value), self._say(other, subject, told), NOT_ENOUGH, worded, "other relation"
        )

    def _negation(self, worded: Worded) -> Pair | None:
        draw = self._draw
        subject, value = self._fact(worded)
        other = self._other_value(worded, value)
        plain, again = self._say(worded, subject, value), self._say(worded, subject, value)
        denied = negated(plain)
        if denied is None or other is None:
            return None
        way = draw.randrange(5)
        if way == 0:
            return self._pair(denied, again, REFUTED, worded, "negated claim")
        if way == 1:
            return self._pair(again, denied, REFUTED, worded, "negated evidence")
        if way == 2:
            return self._pair(denied, negated(again) or denied, SUPPORTED, worded, "both negated")
        if way == 3:
            label = SUPPORTED if worded.is_functional else NOT_ENOUGH
            return self._pair(denied, self._say(worded, subject, other), label, worded, "negated claim, other value")
        return self._pair(self._say(worded, subject, other), denied, NOT_ENOUGH, worded, "negated evidence, other value")

    def _hedge(self, worded: Worded) -> Pair | None:
        subject, value = self._fact(worded)
        said = value if self._draw.random() < 0.6 else self._other_value(worded, value)
        if said is None:
            return None
        hedge = self._draw.choice(_HEDGES if self._draw.random() < 0.75 else _PAST)
        told = hedge.format(_inside_sentence(self._say(worded, subject, value)))
        if hedge in _PAST:
            told = re.sub(r" is (?!not)", " was ", told, count=1)
        return self._pair(self._say(worded, subject, said), told, NOT_ENOUGH, worded, "hedge")

    def _two(self, worded: Worded) -> Pair | None:
        """Two subjects or two relations in one sentence of evidence."""
        draw = self._draw
        subject, value = self._fact(worded)
        if draw.random() < 0.5:
            other, rival = draw.choice(self._subjects[worded.kind]), self._other_value(worded, value)
            if rival is None or set(fold(other).split()) & set(fold(subject).split()):
                return None
            halves = [self._say(worded, subject, value), self._say(worded, other, rival)]
            draw.shuffle(halves)
            told = draw.choice((" and ", ", while ", "; ")).join((halves[0], _inside_sentence(halves[1])))
            said = value if draw.random() < 0.4 else rival
            label = SUPPORTED if said == value else REFUTED if worded.is_functional else NOT_ENOUGH
            return self._pair(self._say(worded, subject, said), told, label, worded, "two subjects")
        alike = [name for name in self._names if WORDED[name].kind == worded.kind and name != worded.name]
        if not alike:
            return None
        second = WORDED[draw.choice(alike)]
        first = self._say(worded, subject, value)
        # The subject stands once where the second clause begins with it.
        clauses = [form for form in second.forms if form.startswith("{s} ")]
        if not clauses:
            return None
        told = first + " and" + draw.choice(clauses)[3:].format(s=subject, v=self._value(second))
        said = value if draw.random() < 0.5 else self._other_value(worded, value)
        if said is None:
            return None
        label = SUPPORTED if said == value else REFUTED if worded.is_functional else NOT_ENOUGH
        return self._pair(self._say(worded, subject, said), told, label, worded, "two relations")

    def _quantity(self, worded: Worded) -> Pair | None:
        """A number or date that is rounded, drifts a little or a lot, or is less exact."""
        draw = self._draw
        subject, value = self._fact(worded)
        if worded.values in ("people", "kilometres", "hundreds", "metres"):
            number = number_of(value)
            assert number is not None
            if draw.random() < 0.5:
                label, told = SUPPORTED, rounded(number)
            else:
                label, told = REFUTED, written(number * draw.choice((0.2, 0.5, 0.65, 1.4, 1.8, 2.5, 10)))
            return self._pair(self._say(worded, subject, told), self._say(worded, subject, value), label, worded, "number")
        if worded.values == "year" or worded.name in ("atomic_number", "statehood"):
            drifted = str(int(value) + draw.choice((-100, -20, -10, -3, -2, -1, 1, 2, 3, 10, 20, 100)))
            said, label = (value, SUPPORTED) if draw.random() < 0.35 else (drifted, REFUTED)
            return self._pair(self._say(worded, subject, said), self._say(worded, subject, value), label, worded, "year")
        if worded.values == "date":
            day, month, year = value.split()
            way = draw.randrange(4)
            if way == 0:
                other = f"{int(day) % 28 + 1} {month} {year}"
                return self._pair(
                    self._say(worded, subject, other), self._say(worded, subject, value), REFUTED, worded, "date"
                )
            if way == 1:
                american = f"{month} {day}, {year}"
                return self._pair(
                    self._say(worded, subject, american), self._say(worded, subject, value), SUPPORTED, worded, "date"
                )
            claim = self._say(worded, subject, value)
            if way == 2:
                less = self._say(worded, subject, year).replace(" on ", " in ")
                return self._pair(claim, less, NOT_ENOUGH, worded, "date")
            shown = year if draw.random() < 0.5 else str(int(year) + draw.choice((-10, -2, -1, 1, 2, 10)))
            less = self._say(worded, subject, shown).replace(" on ", " in ")
            return self._pair(less, claim, SUPPORTED if shown == year else REFUTED, worded, "date")
        return None

    def _inside(self, worded: Worded) -> Pair | None:
        """A city beside its country: neither excludes the other, and both together tell the country."""
        if worded.name not in ("birthplace", "deathplace", "headquarters", "landmark_city", "founded_in"):
            return None
        draw = self._draw
        capitals = self._facts.values["capital"]
        country = draw.choice(sorted(capitals))
        city = min(capitals[country])
        if fold(city) == fold(country):
            return None
        subject, _ = self._fact(worded)
        way = draw.randrange(4)
        if way == 0:
            return self._pair(
                self._say(worded, subject, country), self._say(worded, subject, city), NOT_ENOUGH, worded, "city in country"
            )
        if way == 1:
            return self._pair(
                self._say(worded, subject, city), self._say(worded, subject, country), NOT_ENOUGH, worded, "city in country"
            )
        told = self._say(worded, subject, f"{city}, {country}")
        other = draw.choice(sorted(capitals))
        said, label = (country, SUPPORTED) if way == 2 else (other, REFUTED)
        if way == 3 and set(fold(other).split()) & set(fold(f"{city} {country}").split()):
            return None
        return self._pair(self._say(worded, subject, said), told, label, worded, "city in country")


def _inside_sentence(text: str) -> str:
    """A sentence as it stands behind other words: "The capital" becomes "the capital", and a name stays as it is."""
    return text[0].lower() + text[1:] if text.split()[0] in _NO_NAMES else text
