"""Read what a sentence says of a subject: "The capital of California is not Los Angeles" → (California, capital, ¬ Los Angeles).

A wording must fit from the sentence's first word; it ends where a clause ends (a comma, a bracket, "which", "and it", the full
stop). What follows is a claim of its own. Where several wordings fit, those that read furthest are kept, as several readings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emendo.verify.names import is_name, is_proper
from emendo.verify.quantities import read_date, read_quantity
from emendo.verify.relations import RELATIONS, Relation


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a sentence says.

    Attributes:
        subject: Of what.
        relation: Name of a relation in `RELATIONS`.
        value: What is said to be its value, as it stands.
        qualifier: A name that follows the value after a comma: "California" in "Sacramento, California".
        is_negated: Whether the value is denied.
        is_past: Whether it is said of the past.
    """

    subject: str
    relation: str
    value: str
    qualifier: str = ""
    is_negated: bool = False
    is_past: bool = False

    @property
    def words(self) -> str:
        """The statement as a person would say it."""
        label = RELATIONS[self.relation].label
        return f"{label} of {self.subject} {'≠' if self.is_negated else '='} {self.value}"


@dataclass(frozen=True, kw_only=True)
class Match:
    """A statement and where it stands in the text that was read.

    Attributes:
        statement: What is said.
        end: Where the clause ends.
        value: From where to where the value reaches.
    """

    statement: Statement
    end: int
    value: tuple[int, int]


def read_statements(text: str) -> list[Match]:
    """The readings of a sentence's first clause; empty where no wording fits."""
    found: list[Match] = []
    for relation, pattern in _PATTERNS:
        fitting = pattern.match(text)
        if fitting is not None and (read := _read(relation, fitting)) is not None:
            found.append(read)
    furthest = max((match.end for match in found), default=0)
    kept: list[Match] = []
    for match in found:
        if match.end == furthest and match.statement not in [other.statement for other in kept]:
            kept.append(match)
    return kept


def nouns_in(text: str) -> list[str]:
    """The relations' nouns that a text holds, as they are worded there: "capital" in "Name the capitals of …"."""
    found = []
    for relation in RELATIONS.values():
        for noun in relation.nouns:
            match = re.search(rf"\b{noun}(?=s?\b)", text, re.IGNORECASE)
            if match and match[0].strip():
                found.append(match[0].strip())
    return sorted(set(found), key=lambda noun: (-len(noun), noun))


_BE = r"(?P<be>is|are|was|were|remains)(?P<neg> not| never|n['’]t| no longer)?"
# A subject holds no verb, or it would reach over a clause that was not read.
_SUBJECT = r"(?:the )?(?P<s>(?:(?!\s(?:is|are|was|were|has|have|had)\b)[^,;:()?!]){1,80}?)"
_VALUE = r"(?:(?:also |still |now |currently |officially |called |named |known as )*)(?P<v>(?:[^,;:()?!]|,(?=\d|\s\d{4}\b)){1,80}?)"
_QUALIFIER = r"(?:,\s(?P<q>[A-Z][\w.’'-]*(?:\s[A-Z][\w.’'-]*){0,2}))?"
_JOINED = (
    r"\sand\s(?:(?:it|its|the|they|their|he|his|she|her|there|one|is|was|are|were|has|have|had|also|became|"
    r"serves|home|not|covers|uses|borders|lies|shares|contains|includes|ranks|makes|wrote|died|won|played|worked|"
    r"(?:an? |the )?atomic)\b)"
    r"|\s(?:which|where|who|whose|while|because|since|but|although|though|as|with|when|after|before|until|according|that|"
    r"making|despite|followed|thanks|due)\b"
)
_STOP = rf"(?=\s*(?:[.!?…]*[\"'”’]*$|,(?!\d|\s\d{{4}}\b)|[;:(]|\s[–—-]\s|{_JOINED}))"
_PRONOUNS = frozenset("it they he she this that these those there its their his her one which who what".split())
_TAIL = re.compile(
    r"\s+(?:in|on|as of|since|from|until)\s+(?:the year\s+|\w+ \d{1,2},? |\d{1,2} \w+ |\w+ )?\d{4}$|\s+(?:today|now|currently)$",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"^(?:the\s+)?(?:(?:city|state|country|town|continent|language|sport|island|year|element)\s+of\s+)?(?:the\s+)?", re.I
)


def _expand(relation: Relation) -> list[str]:
    nouns = [rf"the {noun}" for noun in relation.nouns]
    wordings = list(relation.wordings)
    for noun in nouns:
        bare = noun.removeprefix("the ")
        wordings += [
            rf"(?:the|an?) {bare} (?:of|in|for|at) {{s}} {{is}} {{v}}",
            rf"{{s}}['’]s? {bare} {{is}} {{v}}",
            rf"{{v}} {{is}} (?:the|an?) {bare} (?:of|in|for|at) {{s}}",
            rf"{{v}} {{is}} {{s}}['’]s? {bare}",
            rf"{{v}}, (?:the|an?) {bare} (?:of|in|for|at) {{s}}",
        ]
    return wordings


def _compile(relation: Relation, wording: str) -> re.Pattern[str]:
    text = wording.replace("{s}", _SUBJECT).replace("'s ", "['’]s ")
    assert wording.count("{is}") <= 1, wording
    text = text.replace("{is}", _BE).replace("{v}", _VALUE)
    stop = _STOP if relation.domain != "date" else rf"(?:{_STOP}|(?=\sin\s))"
    return re.compile(text + (_QUALIFIER if wording.endswith("{v}") else "") + stop, re.IGNORECASE)


def _read(relation: Relation, match: re.Match[str]) -> Match | None:
    groups = match.groupdict()
    name = "v2" if groups.get("v2") else "v"
    raw = match[name]
    start = match.start(name)
    finish = match.end()
    tail = _TAIL.search(raw) if relation.domain != "date" else None
    if tail is not None:
        # When it is said to be so is a claim of its own.
        finish = start + tail.start()
        raw = raw[: tail.start()]
    leading = _LEADING.match(raw)
    assert leading is not None
    value = raw[leading.end() :].strip().rstrip(".").strip('"“”')
    start += leading.end()
    subject = match["s"].strip().strip('"“”')
    if not value or not subject or subject.lower() in _PRONOUNS or value.lower() in _PRONOUNS:
        return None
    # "in 1850 and it": the subject is yet to be found out.
    if set(subject.split()) & _PRONOUNS or re.match(r"(?:in|on|at|by|and|as|of|from|with)\s", subject):
        return None
    if not _fits(relation, value) or len(subject.split()) > 12:
        return None
    qualifier = groups.get("q") or ""
    # The wordings are read without regard to case, a qualifier is a name.
    qualifier = qualifier if is_proper(qualifier) else ""
    if groups.get("q") and not qualifier:
        finish = match.start("q") - 2
    return Match(
        statement=Statement(
            subject=subject,
            relation=relation.name,
            value=value,
            qualifier=qualifier.rstrip("."),
            is_negated=bool(groups.get("neg")),
            is_past=(groups.get("be") or "").lower() in ("was", "were") or "no longer" in (groups.get("neg") or "").lower(),
        ),
        end=finish,
        value=(start, start + len(value)),
    )


def _fits(relation: Relation, value: str) -> bool:
    """Whether a value is of the relation's domain."""
    if relation.domain == "number":
        return read_quantity(value) is not None
    if relation.domain == "date":
        return read_date(value) is not None
    if relation.domain == "name":
        return is_name(value) and len(value.split()) <= 8
    return len(value.split()) <= 5


_PATTERNS = tuple(
    (relation, _compile(relation, wording)) for relation in RELATIONS.values() for wording in _expand(relation)
)
