"""What a small cross-encoder may be asked, and what may follow: it knows short sentences about one subject, and little else.

    asked      a claim of at most 24 words, beside a sentence of at most 40 that names the claim's subject and is no hearsay
    supported  only if the names, numbers and the value of the claim stand in the sentence, and both deny or neither does; a number
               as far as numbers of that relation are told
    refuted    only if a subject has one value of that relation at a time, and the claim's value does not stand in the sentence,
               nor anything that is spelled like it or that does not exclude it; or if it stands there and one of the two denies it

Whatever the model thinks of other pairs is not listened to. That a relation has several values is known of relations that were
read; of others the model judges alone, so that those are refuted only where a name or number of the claim is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from emendo.verify.atoms import split_sentences
from emendo.verify.claims import Claim
from emendo.verify.context import names_in
from emendo.verify.hearsay import is_hearsay
from emendo.verify.names import fold
from emendo.verify.quantities import read_quantity
from emendo.verify.relations import RELATIONS
from emendo.verify.tables._gazetteer import Gazetteer
from emendo.verify.worth import why_not_checkable

_MOST_CLAIM = 24
_LEAST, _MOST = 3, 40
_ALIKE = 0.8
_DENIAL = re.compile(r"\b(?:not|never|no|nor|neither|no longer)\b|n['’]t\b", re.IGNORECASE)
_PAST = re.compile(r"\b(?:was|were|former(?:ly)?|until|used to|once|previous(?:ly)?|before)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d")
_QUANTITY = re.compile(r"\d[\d,.]*\d(?: (?:million|billion|trillion|thousand))?|\d")
_PLACES = frozenset(
    {"birthplace", "deathplace", "headquarters", "founded_in", "located_in", "continent", "origin", "workplace"}
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A sentence that speaks of a claim's subject.

    Attributes:
        sentence: Of the evidence.
        may_support: Whether it may support the claim.
        may_refute: Whether it may refute it.
    """

    sentence: str
    may_support: bool
    may_refute: bool


def questions(claim: Claim, text: str, gazetteer: Gazetteer) -> Iterator[Asked]:
    """The sentences of a text that a model may be asked about, with what may follow."""
    subject = _subject(claim)
    if subject is None or len(claim.text.split()) > _MOST_CLAIM:
        return
    if any(statement.is_past and RELATIONS[statement.relation].changes for statement in claim.statements):
        return
    for start, end in split_sentences(text):
        sentence = text[start:end].strip().lstrip("-*• ")
        if not _LEAST <= len(sentence.split()) <= _MOST or why_not_checkable(sentence, is_read=True) or is_hearsay(sentence):
            continue
        if not _names(sentence, subject):
            continue
        changes = any(RELATIONS[statement.relation].changes for statement in claim.statements)
        if changes and _PAST.search(sentence):
            continue
        may_support, may_refute = _may_support(claim, sentence), _may_refute(claim, sentence, subject, gazetteer)
        if may_support or may_refute:
            yield Asked(sentence=sentence, may_support=may_support, may_refute=may_refute)


def _subject(claim: Claim) -> str | None:
    """Whom a claim is about: as it was read, or the first name in it."""
    if claim.statements:
        return claim.statements[0].subject
    return next(iter(names_in(claim.text)), None)


def _names(sentence: str, subject: str) -> bool:
    """Whether a sentence names a subject, and not only something whose name is longer: "Georgia" is not "South Georgia"."""
    asked = f" {fold(subject)} "
    if asked not in _plain(sentence):
        return False
    longer = [name for name in names_in(sentence) if asked in f" {fold(name)} " and fold(name) != asked.strip()]
    rest = _plain(sentence)
    for name in longer:
        rest = rest.replace(f" {fold(name)} ", " ")
    return asked in rest


def _may_support(claim: Claim, sentence: str) -> bool:
    if _denies(claim.text) != _denies(sentence):
        return False
    held = set(_plain(sentence).split())
    read = claim.statements[0] if claim.statements else None
    is_quantity = read is not None and RELATIONS[read.relation].domain == "number"
    needed = {word for name in names_in(claim.text) for word in _plain(name).split()}
    if read is not None and is_quantity:
        if not _holds_number(sentence, read.value, RELATIONS[read.relation].tolerance):
            return False
    else:
        needed |= {word for word in _plain(claim.text).split() if _NUMBER.search(word)}
        needed |= set(_plain(read.value).split()) if read is not None else set()
    # What is written with a capital letter because a sentence begins there is no name.
    return needed <= held | {"the", *fold(claim.text).split()[:1]}


def _may_refute(claim: Claim, sentence: str, subject: str, gazetteer: Gazetteer) -> bool:
    relations = [RELATIONS[statement.relation] for statement in claim.statements]
    if len(relations) > 1 or not all(relation.is_functional for relation in relations):
        return False
    of_subject = set(_plain(subject).split())
    held = set(_plain(sentence).split()) - of_subject
    if relations:
        value = claim.statements[0].value
        words = set(_plain(value).split()) - of_subject
    else:
        value = ""
        names = {word for name in names_in(claim.text)[1:] for word in _plain(name).split()}
        words = (names | {word for word in _plain(claim.text).split() if _NUMBER.search(word)}) - of_subject
    if not words:
        return False
    if _denies(claim.text) != _denies(sentence):
        return words <= held
    if _denies(claim.text) or words & held:
        return False
    others = [name for name in names_in(sentence) if fold(name) != fold(subject)]
    if not relations:
        return bool(others) or bool(_NUMBER.search(sentence))
    if relations[0].domain in ("number", "date"):
        return bool(_NUMBER.search(" ".join(held)))
    if any(SequenceMatcher(None, fold(name), fold(value)).ratio() >= _ALIKE for name in others):
        return False
    if relations[0].name in _PLACES:
        return any(gazetteer.excludes(name, value) for name in others)
    return True


def _holds_number(sentence: str, value: str, tolerance: float) -> bool:
    """Whether one of a sentence's numbers is a claim's, as far as numbers of that relation are told."""
    asked = read_quantity(value)
    told = (read_quantity(found[0].strip()) for found in _QUANTITY.finditer(sentence))
    distances = [asked.distance(one) for one in told if one is not None] if asked is not None else []
    return any(distance is not None and distance <= tolerance for distance in distances)


def _denies(sentence: str) -> bool:
    return len(_DENIAL.findall(sentence)) % 2 == 1


def _plain(text: str) -> str:
    """Folded words between spaces; "Toshiba's" is Toshiba's name."""
    named = re.sub(r"[’']s?(?![^\W_])", "", text)
    return f" {fold(named)} "
