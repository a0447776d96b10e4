"""What a sentence takes from the question and from the sentences before it.

    question                                 answer                          is read as
    What is the capital of California?       Los Angeles.                    The capital of California is Los Angeles.
    Is Los Angeles the capital of Oregon?    Yes.                            Los Angeles is the capital of Oregon.
    –                                        …California… It became …        California became …
    What about California?                   The capital is Los Angeles.     The capital of California is Los Angeles.
    Name the capitals.                       - Oregon: Salem                 The capital of Oregon is Salem

A pronoun may stand for several names before it. Each is a reading, the likeliest first; the evidence decides which one can be
read, and where two of them can and disagree nothing is decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emendo.facts.questions import question_to_statement
from emendo.verify.statements import nouns_in, read_statements
from emendo.verify.traced import Traced

_MOST_READINGS = 4
_NAME = re.compile(
    r"\b[A-Z][\w’'.-]*[\w](?:\s+(?:(?:of|the|de|la|le|du|da|do|di|del|van|von|al|and)\s+)*(?:d['’])?[A-Z][\w’'.-]*\w)*(?:['’]s\b)?"
)
_NOT_NAMES = frozenset(
    "it the they he she this that these those there what which who where when how why is are was were in on at yes no its his her "
    "their a an as of and but or so if not however also name tell give list i do does did can for from with to by".split()
)
_PRONOUN = re.compile(
    r"^(?P<possessive>its|their|his|her)\b|^(?P<plain>it|they|he|she|this|that)\b(?:['’]s\b)?|"
    r"^(?P<noun>(?:the|this|that) (?:city|state|country|town|nation|element|airport|metal|gas|company|island|province|region))\b"
    r"(?! of)",
    re.IGNORECASE,
)
_THERE = re.compile(r"\b(?P<there>there)\b(?!\s+(?:is|are|was|were)\b)|^(?P<here>here)\b", re.IGNORECASE)
_BARE = re.compile(r"^(?P<the>the) (?P<noun>[\w -]+?) (?P<be>is|was|are|were)\b", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:(?:yes|no|sure|certainly|of course|correct|right|exactly|indeed|actually|well|ok|okay|today|currently|in fact|in short|"
    r"although|though|while|whereas|but|and|"
    r"as (?:far as|we all|you) (?:i )?know|to answer your question|as of (?:\w+ )?\d{4}|simply put|importantly|notably|also|"
    r"additionally|furthermore|moreover|however|note that|historically|geographically)\b[,.!:]?\s+|"
    r"(?:i (?:think|believe|know|am sure|am confident)|it is (?:true|known|well known|a fact) that|"
    r"the (?:correct )?answer (?:is|to your question is)|answer)\b(?:\s+that)?[,:]?\s+)+",
    re.IGNORECASE,
)
_IT_IS = re.compile(r"^(?:it|that|this)(?: is|['’]s| was)\s+(?P<rest>.+)$", re.IGNORECASE)
# What says something of a subject is no answer by itself: "It was founded in 1913."
_PREDICATE = re.compile(r"(?:[a-z]+ed|born|built|known|made|home|part|in|on|at|also|one|the [a-z]+est)\b")
_LAST = re.compile(r"^(?P<value>.+?) (?:is|was) (?P<the>the|its|their) (?P<noun>[\w ]+?)[.!]?$", re.IGNORECASE)
_YES_NO = re.compile(r"^(?P<be>is|are|was|were)\s+(?P<rest>.+)$", re.IGNORECASE)
_PAIR = re.compile(r"^(?P<subject>[^:–—]{2,60}?)\s*(?::|\s[–—-]\s|\s→\s)\s*(?P<value>.{1,60})$")


@dataclass(frozen=True, kw_only=True)
class Context:
    """What was said so far.

    Attributes:
        question: The question; empty where there is none.
        topics: Names that a pronoun may stand for, the likeliest first.
        said: The sentences before, the last first.
    """

    question: str = ""
    topics: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, question: str) -> Context:
        """What a question alone tells."""
        question = " ".join(question.split())
        asked = next((match.statement.subject for said in _declared(question) for match in read_statements(said)), None)
        names = names_in(question)[::-1]
        return cls(question=question, topics=tuple(([asked] if asked else []) + [name for name in names if name != asked]))

    def after(self, sentence: str) -> Context:
        """What is known after a sentence too: first whom it is about, then what else it names."""
        names, about = names_in(sentence), [match.statement.subject for match in read_statements(sentence)]
        if not about and names and re.match(rf"(?:the )?{re.escape(names[0])}\b", sentence, re.IGNORECASE):
            about = names[:1]
        # Names in a sentence that is about something else come after what was spoken of so far.
        order = (*about, *names, *self.topics) if about else (*self.topics, *names)
        return Context(question=self.question, topics=tuple(dict.fromkeys(order))[:8], said=(sentence, *self.said)[:4])


def names_in(text: str) -> list[str]:
    """The proper names of a text, in order, each once."""
    found = []
    for match in _NAME.finditer(text):
        name = re.sub(r"['’]s$", "", match[0])
        words = name.split()
        while words and re.split(r"['’]", words[0].lower())[0] in _NOT_NAMES:
            words = words[1:]
        if words and (name := " ".join(words).rstrip(".")) not in found:
            found.append(name)
    return found


def without_lead(words: Traced) -> Traced:
    """A sentence without what merely leads to it: "Yes,", "I think that", "As of 2024,"."""
    start = re.search(r"[^\W_]|[\"“'‘(]", words.text)
    words = words.part(start.start()) if start else words
    match = _LEAD.match(words.text)
    return words if match is None or match.end() == len(words.text) else words.part(match.end())


def readings(words: Traced, context: Context) -> list[Traced]:
    """How a sentence may be read by itself, the likeliest reading first; the sentence as it stands where it needs nothing."""
    found: list[Traced] = []
    for reading in _readings(without_lead(words), words, context):
        if reading.text not in [other.text for other in found]:
            found.append(reading)
    return found[:_MOST_READINGS] or [words]


def answer_to(question: str, words: Traced) -> list[Traced]:
    """A short answer as the sentence that it stands for."""
    found = []
    answer = words.part(0, len(words.text.rstrip(" .!")))
    statement = _statement_of(question)
    if statement is not None:
        found.append(answer.replaced(0, 0, statement + " "))
    elif match := re.match(
        r"^(?:what|which) (?:city|town|place|state|country|\w+) (is|was) (.+?)\??$", question, re.IGNORECASE
    ):
        tail = f" {match[1]} {match[2]}"
        found.append(answer.replaced(len(answer.text), len(answer.text), tail))
    return found


def _readings(words: Traced, whole: Traced, context: Context) -> Iterator[Traced]:
    text = words.text
    if re.fullmatch(r"(?:yes|no|correct|true|false|right|wrong)[.!]*", whole.text, re.IGNORECASE):
        yield from _yes_or_no(whole, context.question)
        return
    if context.question:
        short = _IT_IS.match(text)
        answer = words.part(short.start("rest")) if short else words
        if (short or _is_short(text)) and not _PREDICATE.match(answer.text):
            yield from (reading for reading in answer_to(context.question, answer) if read_statements(reading.text))
    pair = _PAIR.match(text)
    if pair is not None:
        for noun in nouns_in(" ".join((context.question, *context.said[:2]))):
            value = words.part(pair.start("value"))
            yield value.replaced(0, 0, f"The {noun} of {pair['subject'].strip()} is ")
    bare = _BARE.match(text)
    if bare is not None and nouns_in(bare["noun"]) and not re.search(r"\b(?:of|in|for|at)\b", bare["noun"]):
        for topic in context.topics:
            yield words.replaced(bare.end("noun"), bare.end("noun"), f" of {topic}")
    last = _LAST.match(text)
    if last is not None and nouns_in(last["noun"]) and not re.search(r"\b(?:of|in|for|at)\b", last["noun"]):
        for topic in context.topics:
            if topic not in last["value"]:
                yield words.replaced(last.end("noun"), last.end("noun"), f" of {topic}").replaced(*last.span("the"), "the")
    yield from _with_topics(words, context.topics)


def _with_topics(words: Traced, topics: Sequence[str]) -> Iterator[Traced]:
    pronoun, there = _PRONOUN.match(words.text), _THERE.search(words.text)
    for topic in topics if pronoun or there else ():
        reading = words
        if there is not None:
            reading = reading.replaced(*there.span(), f"in {topic}")
        if pronoun is not None:
            is_short = re.match(r"^\w+['’]s\b", pronoun[0]) is not None
            new = f"{topic}'s" if pronoun["possessive"] else f"{topic} is" if is_short else topic
            reading = reading.replaced(*pronoun.span(), new)
        yield reading
    if not (pronoun or there):
        yield words


def _is_short(text: str) -> bool:
    return len(text.split()) <= 8 and not re.search(r"\b(?:is|are|was|were|has|have|had|became)\b", text)


def _yes_or_no(words: Traced, question: str) -> Iterator[Traced]:
    negation = " not" if re.match(r"no|false|wrong", words.text, re.IGNORECASE) else ""
    for sentence in _declared(question, negation):
        # No character of it stands in the answer.
        yield Traced(text=sentence, positions=(None,) * len(sentence))


def _declared(question: str, negation: str = "") -> list[str]:
    """What "Is Los Angeles the capital of Oregon?" asks about, as a sentence; empty where no wording fits."""
    match = _YES_NO.match(question.rstrip("? "))
    said = match["rest"].split() if match else []
    tries = (
        f"{' '.join(said[:at])} {match['be'].lower()}{negation} {' '.join(said[at:])}" for at in range(1, len(said)) if match
    )
    return [sentence for sentence in tries if read_statements(sentence)][:1]


def _statement_of(question: str) -> str | None:
    """The sentence that an answer completes: "The capital of California is"."""
    asked = question.strip().replace("What's ", "What is ").replace("what's ", "What is ")
    asked = asked[:1].upper() + asked[1:]
    if not asked.endswith("?"):
        asked += "?"
    tail = re.search(r"\b(?:of|in|for|at)\s+(?:the )?([^?,]+)\?$", asked)
    candidates = names_in(asked) + ([tail[1]] if tail else [])
    for name in candidates:
        at = asked.rfind(name)
        statement = question_to_statement(asked[:at] + "{}" + asked[at + len(name) :])
        if statement is not None:
            return statement.replace("{}", name)
    return None
