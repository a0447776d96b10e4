"""The statements that are located, edited and checked.

A fact is written as a prompt whose subject stands in braces, "The capital of {France} is", and what should follow it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emendo.errors import DataUnavailable, InvalidRequest

_BRACES = re.compile(r"\{([^{}]*)\}")


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

    @property
    def text(self) -> str:
        """The prompt with its subject in place: "The capital of France is"."""
        return self.prompt.replace("{}", self.subject)

    @property
    def marked(self) -> str:
        """The prompt with its subject in braces: "The capital of {France} is"."""
        return self.prompt.replace("{}", "{" + self.subject + "}")

    def question(self) -> str:
        """The prompt as a person would ask it, by rule: "What is the capital of France?".

        A prompt that no rule fits is put as a request to complete the sentence.
        """
        match = re.match(
            r"^(the .*|.*'s .*)\s+(is|was|are|were)(?:\s+(?:called|named|the|a|an))?$", self.text, re.IGNORECASE
        )
        if match:
            nominal = match[1] if not match[1].lower().startswith("the ") else "the " + match[1][4:]
            return f"What {match[2]} {nominal}?"
        return f"Complete the sentence: {self.text}"


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


def read_facts(path: Path) -> list[Fact]:
    """The facts in a JSON, JSONL or CSV file.

    A row has ``prompt`` (with ``{}`` or the subject itself in it) and ``subject``, and may have ``target_true`` (also under
    the names that published files use: ``attribute``, ``ground_truth``). CounterFact's rows, where all of these stand in
    ``requested_rewrite``, are read as they are.

    Raises:
        DataUnavailable: There is no such file.
        InvalidRequest: The file is of another kind, or a row lacks a field.
    """
    return [_fact(row, f"{path.name}, row {number}") for number, row in enumerate(_rows(path), start=1)]


def read_requests(path: Path) -> list[EditRequest]:
    """The edit requests in a JSON, JSONL or CSV file: rows as for `read_facts`, with ``target_new``, ``id``, ``source``.

    Raises:
        DataUnavailable: There is no such file.
        InvalidRequest: The file is of another kind, or a row lacks a field.
    """
    requests = []
    for number, row in enumerate(_rows(path), start=1):
        where = f"{path.name}, row {number}"
        target = _words(row, "target_new")
        if target is None:
            raise InvalidRequest(f"{where} has no 'target_new': say what the model shall answer.")
        request = EditRequest(
            fact=_fact(row, where), target_new=target, id=_words(row, "id") or "", source=_words(row, "source")
        )
        requests.append(request)
    return requests


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise DataUnavailable(f"There is no file '{path}'; give the path of a JSON, JSONL or CSV file of facts.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            rows: Any = list(csv.DictReader(io.StringIO(text, newline="")))
        elif path.suffix == ".jsonl":
            # Line breaks in front make a mistake carry its line number.
            rows = [json.loads("\n" * n + line) for n, line in enumerate(text.splitlines()) if line.strip()]
        elif path.suffix == ".json":
            rows = json.loads(text)
        else:
            raise InvalidRequest(f"'{path.name}' ends in '{path.suffix}'; a file of facts ends in .json, .jsonl or .csv.")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"'{path.name}' is not UTF-8 text; save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"'{path.name}' is not valid JSON ({error.msg}, line {error.lineno}); mend it there."
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequest(f"'{path.name}' must hold a list of objects with 'prompt' and 'subject'.")
    return [row | row.get("requested_rewrite", {}) for row in rows]


def _fact(row: dict[str, Any], where: str) -> Fact:
    prompt, subject = _words(row, "prompt"), _words(row, "subject")
    if prompt is None:
        raise InvalidRequest(f"{where} has no 'prompt'; every fact needs one, such as 'The capital of {{}} is'.")
    true = _words(row, "target_true") or _words(row, "attribute") or _words(row, "ground_truth")
    if subject is None:
        return Fact.parse(prompt, true)
    if "{}" not in prompt:
        if subject not in prompt:
            raise InvalidRequest(f"{where}: the subject '{subject}' does not stand in the prompt '{prompt}'.")
        before, _, after = prompt.rpartition(subject)
        prompt = before + "{}" + after
    return Fact(subject=subject, prompt=prompt.strip(), target_true=true)


def _words(row: dict[str, Any], field: str) -> str | None:
    """A field's text; None where it is missing or empty. CounterFact writes a target as {"str": …}."""
    value = row.get(field)
    value = value.get("str") if isinstance(value, dict) else value
    return str(value).strip() or None if value is not None else None
