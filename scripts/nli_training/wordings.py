"""Relations as people word them, for pairs of a claim and a sentence of evidence; relations.txt holds them.

Each relation tells the kind of its subjects, where its values come from, whether a subject has one value at a time, and how it is
said. The wordings are this project's own. `HELD_OUT` relations are never trained on: they tell how the judge does on a relation
that it has not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HELD_OUT = frozenset(
    "ceo constellation deathplace founded_in secret_identity airport_code statehood instrument religion archnemesis owner "
    "occupation".split()
)


@dataclass(frozen=True, kw_only=True)
class Worded:
    """A relation in words.

    Attributes:
        name: Of the relation.
        kind: What its subjects are: "person", "place", …
        is_functional: Whether a subject has one value at a time.
        values: Where values come from: "data", or a kind of number, date or name that is made up.
        forms: Sentences with {s} and {v}.
    """

    name: str
    kind: str
    is_functional: bool
    values: str
    forms: tuple[str, ...]


def _table(text: str) -> dict[str, Worded]:
    found = {}
    for block in text.strip().split("\n\n"):
        head, *forms = block.splitlines()
        name, kind, how, values = head.split()
        found[name] = Worded(name=name, kind=kind, is_functional=how == "one", values=values, forms=tuple(forms))
    return found


WORDED = _table((Path(__file__).parent / "relations.txt").read_text(encoding="utf-8"))

# Relations that are easily taken for one another: the same value under one says nothing about the other.
NEAR = (
    ("birthplace", "deathplace", "workplace"),
    ("birth_year", "death_date"),
    ("capital", "largest_city"),
    ("native_language", "speaks"),
    ("official_language", "language"),
    ("father", "mother", "spouse"),
    ("headquarters", "founded_in"),
    ("foundation_date", "founded_in"),
    ("sport", "playing_position"),
    ("author", "director"),
    ("occupation", "field", "employer"),
    ("population", "area"),
    ("height", "opened"),
    ("founder", "ceo", "owner"),
    ("symbol", "atomic_number"),
)

_VERBS = {
    "plays": "play", "speaks": "speak", "writes": "write", "works": "work", "uses": "use", "covers": "cover", "borders": "border",
    "shares": "share", "lies": "lie", "belongs": "belong", "holds": "hold", "performs": "perform", "follows": "follow",
    "specialises": "specialise", "evolves": "evolve", "turns": "turn", "employs": "employ", "owns": "own", "develops": "develop",
    "originates": "originate", "stands": "stand", "counts": "count", "fights": "fight", "takes": "take", "has": "have",
    "opened": "open", "became": "become", "gained": "gain", "came": "come", "died": "die", "passed": "pass", "worked": "work",
    "found": "find", "took": "take", "attended": "attend", "studied": "study", "graduated": "graduate", "went": "go",
    "married": "marry", "founded": "found", "premiered": "premiere", "aired": "air", "directed": "direct", "wrote": "write",
    "joined": "join", "gave": "give",
}  # fmt: skip
_PAST = frozenset(
    "opened became gained came died passed worked found took attended studied graduated went married founded premiered aired "
    "directed wrote joined gave".split()
)


def negated(sentence: str) -> str | None:
    """The sentence with its first verb denied; None where no verb is found."""
    be = re.search(r"(?<=[^,]) (is|was|are|were)(?= )", sentence)
    if be is not None:
        return f"{sentence[: be.end()]} not{sentence[be.end() :]}"
    for word in re.finditer(r"(?<= )[a-z]+(?= )", sentence):
        if word[0] in _VERBS:
            auxiliary = "did" if word[0] in _PAST else "does"
            return f"{sentence[: word.start()]}{auxiliary} not {_VERBS[word[0]]}{sentence[word.end() :]}"
        if word[0] in ("speak", "live", "begin", "end", "pay"):
            return f"{sentence[: word.start()]}do not {sentence[word.start() :]}"
    return None
