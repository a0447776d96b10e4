"""The statements that are located, edited and checked.

A fact is written as a prompt whose subject stands in braces, and what should follow it. The prompt is a sentence to complete,
"The capital of {France} is", or a question, "What is the capital of {France}?".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from emendo.errors import InvalidRequest
from emendo.facts.interrogatives import statement_to_question
from emendo.facts.questions import question_to_statement, question_word

_BRACES = re.compile(r"\{([^{}]*)\}")
_NOMINAL = re.compile(
    r"^(?P<nominal>the .*|.*'s .*)\s+(?P<be>is|was|are|were)(?:\s+(?:called|named|the|a|an))?$", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A prompt about a subject, and what truly follows it.

    Attributes:
        subject: What the fact is about, such as "France".
        prompt: The text before the object, with ``{}`` where the subject stands: "The capital of {} is".
        target_true: What truly follows, such as "Paris"; None where nobody says.
    """

    subject: str
    prompt: str
    target_true: str | None = None

    def __post_init__(self) -> None:
        if self.prompt.count("{}") != 1:
            raise InvalidRequest(f"The prompt '{self.prompt}' must hold '{{}}' exactly once, where the subject stands.")
        if not self.subject.strip():
            raise InvalidRequest(
                f"The subject of '{self.prompt}' is empty; write it between the braces, as in '{{France}}'."
            )

    @classmethod
    def parse(cls, marked: str, target_true: str | None = None) -> Fact:
        """The fact that a text with its subject in braces states: "The capital of {France} is".

        Raises:
            InvalidRequest: There are no braces, several pairs, or nothing between them.
        """
        found = _BRACES.findall(marked)
        if len(found) != 1:
            raise InvalidRequest(
                f"'{marked}' has {len(found)} subjects in braces, and one was expected: "
                "mark it as in 'The capital of {France} is'."
            )
        return cls(subject=found[0].strip(), prompt=_BRACES.sub("{}", marked, count=1).strip(), target_true=target_true)

    @classmethod
    def around(cls, text: str, subject: str, target_true: str | None = None) -> Fact:
        """The fact that a text states about a subject that stands in it, at the last place where it does.

        As a word of its own where it can be: "Rome", not the beginning of "Romeo".

        Raises:
            InvalidRequest: The subject does not stand in the text.
        """
        literal = re.escape(subject)
        places = list(re.finditer(rf"(?<!\w){literal}(?!\w)", text)) or list(re.finditer(literal, text))
        if not places:
            raise InvalidRequest(f"the subject '{subject}' does not stand in the prompt '{text}'.")
        prompt = text[: places[-1].start()] + "{}" + text[places[-1].end() :]
        return cls(subject=subject, prompt=prompt.strip(), target_true=target_true)

    @property
    def text(self) -> str:
        """The prompt with its subject in place: "The capital of France is"."""
        return self.prompt.replace("{}", self.subject)

    @property
    def marked(self) -> str:
        """The prompt with its subject in braces: "The capital of {France} is"."""
        return self.prompt.replace("{}", "{" + self.subject + "}")

    @property
    def is_bare(self) -> bool:
        """Whether the prompt has no word but its subject, and so tells nothing of it."""
        return re.search(r"\w", self.prompt) is None

    @property
    def is_question(self) -> bool:
        """Whether the prompt asks: it ends in "?", and not only because its subject does."""
        return self.prompt.rstrip().endswith("?")

    def question(self) -> str:
        """The prompt as a person would ask it, by rule: "What is the capital of France?".

        A question is asked as it is. A prompt that no rule fits is put as a request to complete the sentence.
        """
        if self.is_question:
            return self.text
        match = _NOMINAL.match(self.prompt)
        if match is None:
            return f"Complete the sentence: {self.text}"
        return f"{question_word(self.prompt)} {match['be']} {_within(match['nominal'].replace('{}', self.subject))}?"

    @property
    def nominal(self) -> str | None:
        """What is told of the subject, as a template, by rule: "the capital of {}"; None where no rule fits."""
        statement = self.statement()
        match = None if statement is None else _NOMINAL.match(statement.prompt)
        return None if match is None else _within(match["nominal"])

    def other_question(self) -> str | None:
        """The same asked in other words, by rule: "Can you name the capital of France?"; None where no rule fits."""
        if self.nominal is not None:
            return f"Can you name {self.nominal.replace('{}', self.subject)}?"
        statement = self.statement()
        asked = None if statement is None else statement_to_question(statement.prompt)
        return None if asked is None or asked == self.prompt else asked.replace("{}", self.subject)

    def statement(self) -> Fact | None:
        """The same fact as a sentence that its target completes, by rule: "The capital of {France} is".

        A prompt that asks nothing is such a sentence already. None where no rule fits the question.
        """
        if not self.is_question:
            return self
        prompt = question_to_statement(self.prompt)
        return None if prompt is None else replace(self, prompt=prompt)


@dataclass(frozen=True, kw_only=True)
class EditRequest:
    """A fact and what the model shall say instead.

    Attributes:
        fact: The prompt, its subject and, where known, the true target.
        target_new: What shall follow the prompt from now on, such as "Sacramento".
        id: Names the request in ledgers and reports; derived from its words unless given.
        source: Where the new target comes from: a link, a document, a person.
    """

    fact: Fact
    target_new: str
    id: str = ""
    source: str | None = None

    def __post_init__(self) -> None:
        if not self.target_new.strip():
            raise InvalidRequest(f"The target of '{self.fact.marked}' is empty; say what the model shall answer.")
        object.__setattr__(self, "target_new", self.target_new.strip())
        if not self.id:
            words = json.dumps([self.fact.prompt, self.fact.subject, self.target_new])
            object.__setattr__(self, "id", hashlib.sha256(words.encode()).hexdigest()[:12])

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> EditRequest:
        """The request that `dataclasses.asdict` wrote."""
        return cls(**{**fields, "fact": Fact(**fields["fact"])})


def _within(nominal: str) -> str:
    """A noun phrase as it stands within a sentence."""
    return "the " + nominal[4:] if nominal.lower().startswith("the ") else nominal
