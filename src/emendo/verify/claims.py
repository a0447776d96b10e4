"""Split an answer into claims, each with its exact place.

A sentence whose first clause is read is one claim up to where the clause ends; the rest is claims of its own. A sentence that
no wording fits is searched clause by clause, and is one claim as a whole where nothing is found. Nothing is dropped: what
cannot be checked is a claim too, with the reason why not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from emendo.verify.atoms import Atom, split_atoms
from emendo.verify.context import Context, names_in, readings
from emendo.verify.language import is_english
from emendo.verify.statements import Match, Statement, nouns_in, read_statements
from emendo.verify.traced import Traced
from emendo.verify.worth import FRAGMENT, why_not_checkable

CODE, HEADING, LANGUAGE = "code", "a heading", "language_unsupported"
_CLAUSE = re.compile(
    r"(?:[;,]\s+(?:and|but|while|whereas)\s+|;\s+|,\s+(?=(?:which|who|where|located|situated|making|known|home|founded|named|with|"
    r"the|an?|one|it|its|he|his|she|her|they|there)\b)|\s+[–—-]\s+|\s+and\s+(?=(?:it|its|the|they|he|she|is|was|are|has|had|also|became)\b)|\s*\()",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"^(?:which|who|that)\s+", re.IGNORECASE)
_NOUN_VALUE = re.compile(r"^(?:with |an? |the )*(?P<noun>[a-z][a-z ]+?) (?:of )?(?P<value>[A-Z\d].*)$")
_VERB_FIRST = re.compile(r"^(?:is|was|are|were|has|had|have|became|lies|borders|uses|covers|serves)\b", re.IGNORECASE)
_TWO_NOUNS = re.compile(
    r"\b(?P<first>capital(?: city)?) and (?:also )?(?:the )?(?P<second>(?:largest|biggest|most populous) city)\b",
    re.IGNORECASE,
)


_AS_OF = re.compile(
    r"\bas of (?:(?:early|mid|late|[A-Z][a-z]+\.?)[ -])?(?:\d{1,2},? )?(?P<year>\d{4})\b|^in (?P<first>\d{4}),",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that an answer says.

    Attributes:
        span: Where it stands in the answer, from and to, in code points.
        quote: The answer's characters there.
        text: The claim as a sentence by itself.
        statements: Its readings as subject, relation and value, the likeliest first; empty where no wording fits.
        values: For each reading where its value stands in the answer; None where it is not written there.
        reason: Why it cannot be checked; None where it can.
        as_of: The year for which its sentence says it: "as of 2020"; None where it names none.
    """

    span: tuple[int, int]
    quote: str
    text: str
    statements: tuple[Statement, ...] = ()
    values: tuple[tuple[int, int] | None, ...] = ()
    reason: str | None = None
    as_of: str | None = None


def year_named(text: str) -> str | None:
    """The year for which a text says what it says, if it names one: "as of 2020", "In 2020, …"."""
    years = {match["year"] or match["first"] for match in _AS_OF.finditer(text)}
    return years.pop() if len(years) == 1 else None


def extract_claims(question: str, answer: str) -> list[Claim]:
    """The claims of an answer to a question, in the order in which they stand."""
    context = Context.of(question)
    claims: list[Claim] = []
    for atom in split_atoms(answer):
        found = [replace(claim, as_of=year_named(atom.words.text)) for claim in _claims_of(atom, context, answer)]
        claims += found
        if atom.kind in ("sentence", "item", "heading"):
            context = context.after(". ".join(claim.text for claim in found if claim.statements) or atom.words.text)
    return claims


def _claims_of(atom: Atom, context: Context, answer: str) -> Iterator[Claim]:
    words = atom.words
    if atom.kind in ("code", "heading"):
        yield _uncheckable(words, answer, CODE if atom.kind == "code" else HEADING)
    elif not is_english(words.text):
        yield _uncheckable(words, answer, LANGUAGE)
    elif atom.kind == "cell":
        sentence = words.replaced(0, 0, f"The {atom.column} of {atom.row} is ")
        matches = read_statements(sentence.text)
        yield _claim(words, answer, sentence.text, [(sentence, match) for match in matches])
    else:
        yield from _sentence(words, context, answer)


def _sentence(words: Traced, context: Context, answer: str) -> Iterator[Claim]:
    if (two := _TWO_NOUNS.search(words.text)) is not None:
        # "The capital and largest city": two claims about the same words.
        halves = [words.replaced(*two.span(), two[name]) for name in ("first", "second")]
        if all(_read(half, context) for half in halves):
            yield from _clauses(halves[0], context, answer)
            yield from list(_clauses(halves[1], context, answer))[:1]
            return
    yield from _clauses(words, context, answer)


def _clauses(words: Traced, context: Context, answer: str, *, before: str = "") -> Iterator[Claim]:
    """The claims of a sentence or of what is left of one, whose subject may be that of the clause before."""
    if not re.search(r"[^\W_]", words.text):
        return
    refused = why_not_checkable(words.text, is_read=True)
    if refused:
        yield _uncheckable(words, answer, refused)
        return
    read = _read(words, context, before)
    if read:
        ends = [_end(reading, match, words) for reading, match in read]
        end = max(ends)
        # Readings that reach as far as each other are readings of the same claim.
        kept = [pair for pair, at in zip(read, ends, strict=True) if at == end]
        claim_words = words.part(0, end)
        yield _claim(claim_words, answer, _sentence_of(kept[0]), kept)
        rest = words.part(end)
        trimmed = re.match(r"^[\s.,;:)–—-]*(?:and\s+|but\s+)?[\s(]*", rest.text)
        assert trimmed is not None
        rest = rest.part(trimmed.end())
        if rest.text:
            told = context.after(_sentence_of(kept[0]))
            yield from _clauses(rest, told, answer, before=claim_words.text)
        return
    cut = next((m for m in _CLAUSE.finditer(words.text) if _is_worth_cutting(words, m, context)), None)
    if cut is not None:
        yield from _clauses(words.part(0, cut.start()), context, answer, before=before)
        told = context.after(words.text[: cut.start()])
        yield from _clauses(words.part(cut.end()), told, answer, before=words.text[: cut.start()])
        return
    reason = why_not_checkable(words.text)
    if reason == FRAGMENT and before:
        # What follows a clause that was read still says something of its subject.
        reason = None if len(words.text.split()) > 1 else FRAGMENT
    yield replace(_claim(words, answer, readings(words, context)[0].text, []), reason=reason)


def _is_worth_cutting(words: Traced, match: re.Match[str], context: Context) -> bool:
    """Whether the part before or after a place can be read where the whole cannot."""
    first, rest = words.part(0, match.start()), words.part(match.end())
    told = context.after(first.text)
    return bool(_read(first, context) or _read(rest, told, first.text))


def _read(words: Traced, context: Context, before: str = "") -> list[tuple[Traced, Match]]:
    """The readings of a clause that a wording fits."""
    tries = readings(words, context)
    relative = _RELATIVE.match(words.text)
    if before and (relative or _VERB_FIRST.match(words.text)):
        end = relative.end() if relative else 0
        # "Paris, which is …" means the last name, "X is …, and has …" the subject.
        names = names_in(before)
        topics = names[-1:] if relative and names else list(context.topics[:2])
        if not relative and names and before.startswith(names[0]):
            topics = list(dict.fromkeys((names[0], *topics)))
        tries = [words.replaced(0, end, f"{topic} ") for topic in topics]
    noun = _NOUN_VALUE.match(words.text) if before else None
    if noun is not None and noun["noun"] in nouns_in(noun["noun"]):
        of_topic = [
            words.replaced(noun.end("noun"), noun.start("value"), f" of {topic} is ") for topic in context.topics[:2]
        ]
        tries = [reading.replaced(0, noun.start("noun"), "The ") for reading in of_topic]
    return [(reading, match) for reading in tries for match in read_statements(reading.text)]


def _end(reading: Traced, match: Match, words: Traced) -> int:
    """Where, in the words as they stand, a reading's clause ends."""
    after = next((p for p in reading.positions[match.end :] if p is not None), None)
    if after is None or after not in words.positions:
        return len(words.text)
    return words.positions.index(after)


def _sentence_of(pair: tuple[Traced, Match]) -> str:
    reading, match = pair
    return reading.text[: match.end].strip()


def _claim(words: Traced, answer: str, text: str, read: list[tuple[Traced, Match]]) -> Claim:
    span = words.span()
    assert span is not None
    return Claim(
        span=span,
        quote=answer[span[0] : span[1]],
        text=text,
        statements=tuple(match.statement for _, match in read),
        values=tuple(reading.span(*match.value) for reading, match in read),
    )


def _uncheckable(words: Traced, answer: str, reason: str) -> Claim:
    return replace(_claim(words, answer, words.text, []), reason=reason)
