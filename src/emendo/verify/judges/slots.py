"""Compare what a claim says with what the evidence says of the same subject and relation, slot by slot.

Against a row of a table: the claim's value is one of the row's, or it is known to be something else of the same kind. Against
free text: sentences are read by the same wordings, so only a sentence about the same subject and relation speaks; besides, a
sentence that holds all of a claim's words in their order supports it, and one that differs from it in "not" alone refutes it.
Numbers, units and dates are compared as such, a relation with several values per subject is never refuted, and words that tell
of an error, a rumour or a story are no evidence. What a passage asks for is not done: nothing in it is obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Literal

from emendo import __version__
from emendo.errors import InvalidRequest
from emendo.verify.atoms import split_sentences
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage, Record, Value
from emendo.verify.hearsay import is_hearsay
from emendo.verify.names import fold, is_name
from emendo.verify.quantities import read_date, read_quantity
from emendo.verify.relations import RELATIONS, Relation
from emendo.verify.statements import Statement, read_statements
from emendo.verify.tables._gazetteer import Gazetteer
from emendo.verify.verdict import Opinion
from emendo.verify.worth import why_not_checkable

NAME = "slots"
IS_REPEATABLE = True
IS_FALLBACK = False
# Where two numbers are so many tolerances apart they are not the same however they were counted.
_FAR = 4.0
# Spellings that are so much alike may be of the same name: "Matthew" and "Mathew".
_ALIKE = 0.8
_MOST_BETWEEN = 6
_PLACES = frozenset({"birthplace", "deathplace", "headquarters", "founded_in", "located_in", "continent"})
_NEGATION = frozenset(("not", "never", "no", "nor", "neither", "isnt", "wasnt", "arent", "didnt", "doesnt"))
_EMPTY = frozenset("the a an its their his her also very".split())

Label = Literal["supported", "refuted"]
Found = tuple[Label, str, str, str | None]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to choose."""

    @classmethod
    def of(cls, argument: str) -> Config:
        """Takes no argument.

        Raises:
            InvalidRequest: There is one.
        """
        if argument:
            raise InvalidRequest(f"The judge 'slots' takes no argument, and was given '{argument}'.")
        return cls()

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """Which places exclude each other."""
        return Gazetteer.read()


def version(config: Config) -> str:
    """The rules are those of this version."""
    return __version__


def judge(claim: Claim, passage: Passage, config: Config) -> list[Opinion]:
    """What the passage says of each reading of the claim."""
    opinions = []
    for at, statement in enumerate(claim.statements):
        records = [passage.record] if passage.record else list(_records(statement, passage.text, config))
        for record in records:
            found = _compare(statement, record, "table" if passage.record else "text")
            if found is not None:
                label, tier, why, correction = found
                opinions.append(Opinion(judge=NAME, label=label, tier=tier, why=why, reading=at, correction=correction))
    if passage.record is None and not opinions:
        for label, tier, why in _by_words(claim.text, passage.text):
            opinions.append(Opinion(judge=NAME, label=label, tier=tier, why=why))
    return opinions


def _compare(statement: Statement, record: Record, where: str) -> Found | None:
    """Supported, refuted or nothing, by one row."""
    relation = RELATIONS[statement.relation]
    if record.relation != statement.relation or fold(record.subject) != fold(statement.subject):
        return None
    if statement.is_past and relation.changes:
        return None
    if relation.domain == "number":
        found = _compare_numbers(statement, record, relation)
    elif relation.domain == "date":
        found = _compare_dates(statement, record)
    else:
        found = _compare_names(statement, record, relation)
    if found is None:
        return None
    same, value, how = found
    names = ", ".join(f"{value.name}{f' ({value.also[0]})' if value.also else ''}" for value in record.values)
    if not same and not (relation.is_functional and record.is_complete):
        return None
    holds = same != statement.is_negated
    quoted = f"the {relation.label} of {record.subject} is {names}"
    why = f"{quoted}, not {statement.value}" if not same else quoted
    correction = value.name if not holds and not statement.is_negated else None
    return ("supported" if holds else "refuted", f"{where}/{how}", why, correction)


def _compare_names(statement: Statement, record: Record, relation: Relation) -> tuple[bool, Value, str] | None:
    if statement.value in record.partly:
        return None
    asked, joined = fold(statement.value), fold(f"{statement.value} {statement.qualifier}")
    for value in record.values:
        spellings = {fold(value.name), *map(fold, value.also)}
        if joined in spellings:
            return True, value, "same"
        if asked in spellings:
            # "Paris, Texas" is not Paris; "Sacramento, California" is Sacramento.
            around = {fold(record.subject), *(fold(other.name) for other in record.values)}
            return (True, value, "same") if not statement.qualifier or fold(statement.qualifier) in around else None
    kinds = {kind for spelling, kind in record.asked_kinds if fold(spelling) == asked}
    known = [value for value in record.values if value.kind in kinds]
    if known and all(any(value.kind == kind for value in record.values) for kind in kinds):
        return False, known[0], "other of its kind"
    if kinds or relation.name in ("located_in", "continent"):
        return None
    first = record.values[0]
    if _shares_a_word(asked, record):
        return None
    if relation.domain == "name" and is_name(statement.value):
        return False, first, "other name"
    if relation.domain == "word" and not first.kind and re.fullmatch(r"[+.]?\w{1,5}", statement.value):
        return False, first, "other code"
    return None


def _shares_a_word(asked: str, record: Record) -> bool:
    words = set(asked.split())
    return any(words & set(fold(value.name).split()) for value in record.values)


def _compare_numbers(statement: Statement, record: Record, relation: Relation) -> tuple[bool, Value, str] | None:
    asked = read_quantity(statement.value)
    for value in record.values:
        known = read_quantity(value.name)
        if asked is None or known is None:
            continue
        # A bare number of an area is of whatever unit fits.
        distance = asked.distance(known)
        if distance is None:
            continue
        if distance <= relation.tolerance:
            return True, value, "same number"
        return (False, value, "other number") if distance > _FAR * relation.tolerance else None
    return None


def _compare_dates(statement: Statement, record: Record) -> tuple[bool, Value, str] | None:
    asked = read_date(statement.value)
    for value in record.values:
        known = read_date(value.name)
        agrees = None if asked is None or known is None else asked.agrees(known)
        if agrees is not None:
            return agrees, value, "same date" if agrees else "other date"
    return None


def _records(statement: Statement, text: str, config: Config) -> Iterator[Record]:
    """What the sentences of a text say of a statement's subject and relation, as rows."""
    relation = RELATIONS[statement.relation]
    known = (relation.name, *relation.implied_by)
    for start, end in split_sentences(text):
        sentence = text[start:end].strip().lstrip("-*• ")
        if why_not_checkable(sentence, is_read=True) or is_hearsay(sentence):
            continue
        for match in read_statements(sentence):
            said = match.statement
            if said.relation not in known or fold(said.subject) != fold(statement.subject) or said.is_negated:
                continue
            if said.is_past and relation.changes:
                continue
            is_other = _excludes(said.value, statement.value, statement.relation, config)
            values = [Value(name=said.value, kind="text")]
            if said.qualifier:
                values.append(Value(name=said.qualifier, kind="around"))
            yield Record(
                subject=statement.subject,
                entity="",
                relation=relation.name,
                values=tuple(values),
                is_complete=relation.is_functional and is_other,
                asked_kinds=((statement.value, "text"),),
            )


def _excludes(said: str, asked: str, relation: str, config: Config) -> bool:
    """Whether two values that are spelled differently are surely not the same."""
    if relation in _PLACES:
        return config.gazetteer.excludes(said, asked)
    first, second = fold(said), fold(asked)
    return not set(first.split()) & set(second.split()) and SequenceMatcher(None, first, second).ratio() < _ALIKE


def _by_words(claim: str, text: str) -> Iterator[tuple[Label, str, str]]:
    """Sentences that hold a claim's words in their order, or differ from it in "not" alone."""
    asked, denied = _content(claim)
    if len(asked) < 3:
        return
    for start, end in split_sentences(text):
        sentence = text[start:end].strip()
        if is_hearsay(sentence) or why_not_checkable(sentence, is_read=True):
            continue
        words, is_denied = _content(sentence)
        between = _between(asked, words)
        if between is None or len(between) > _MOST_BETWEEN or _holds_a_name(sentence, between):
            continue
        if is_denied == denied:
            yield "supported", "text/words", f"“{sentence}”"
        elif not between:
            yield "refuted", "text/negation", f"“{sentence}”"


def _content(sentence: str) -> tuple[list[str], bool]:
    # "C#" and "C++" are not "C".
    found = re.findall(r"((?:[^\W_][\w.,’'-]*\w)|\w)([#+]*)", sentence)
    words = [fold(word) + marks for word, marks in found]
    negations = sum(word in _NEGATION for word in words)
    return [word for word in words if word not in _NEGATION and word not in _EMPTY], negations % 2 == 1


def _between(asked: list[str], words: list[str]) -> list[str] | None:
    """The words that stand between the asked ones, taken in order; None where one of those is missing."""
    at, between = 0, []
    for word in words:
        if at < len(asked) and word == asked[at]:
            at += 1
        elif 0 < at < len(asked):
            between.append(word)
    return between if at == len(asked) else None


def _holds_a_name(sentence: str, words: list[str]) -> bool:
    """Whether one of some words is written as a name: "George H. W. Bush" is not "George W. Bush"."""
    names = {fold(word) for word in re.findall(r"\b[^\W\d_a-z][\w.’'-]*", sentence)}
    return bool(names & set(words))
