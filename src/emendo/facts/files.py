"""Read facts and requests from JSON, JSONL, CSV and YAML files.

A file holds a list of rows, or a mapping with the list under ``facts``. A field goes by any of its names, and the first that
is filled counts:

    prompt        prompt, fact (as people write it), src (zsRE)
    target_new    target_new, target, alt (zsRE)
    target_true   target_true, attribute (known facts), ground_truth (flat CounterFact), answers (zsRE: the first)

The subject stands in braces in the prompt, or in a field ``subject``. CounterFact's own rows keep these fields in
``requested_rewrite``. Two of the 1,000 published rows of zsRE have an empty ``alt``; such rows ask for nothing and are left out
of the requests.

In YAML every plain scalar but null is text: as numbers, dates and truth values "1.10", "2012-01-01" and "No" would change.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from emendo.errors import DataUnavailable, InvalidRequest
from emendo.facts.fact import EditRequest, Fact

_NAMES = {
    "prompt": ("prompt", "fact", "src"),
    "target_new": ("target_new", "target", "alt"),
    "target_true": ("target_true", "attribute", "ground_truth", "answers"),
}
_KEPT_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")


class _Text(yaml.SafeLoader):
    """A safe loader that leaves plain scalars as they are written, and refuses a field that is given twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT_TAGS]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag not in _KEPT_TAGS]
        for name in names:
            if names.count(name) > 1:
                problem = f"'{name}' stands twice in one row; begin each row with '- '"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_facts(path: Path, *, find_subject: Callable[[str], str] | None = None) -> list[Fact]:
    """The facts in a JSON, JSONL, CSV or YAML file.

    Args:
        path: The file. A row has ``prompt`` (or ``fact``) with its subject in braces, or ``subject`` beside it, and may have
            ``target_true``; the names that published files use are known too.
        find_subject: Called with a prompt that has no subject, to find it; such a row is refused unless given.

    Raises:
        DataUnavailable: There is no such file.
        InvalidRequest: The file is of another kind, or a row lacks a field.
    """
    facts = []
    for where, row in _rows(path):
        with _in_row(where):
            facts.append(_fact(row, find_subject))
    return facts


def read_requests(path: Path, *, find_subject: Callable[[str], str] | None = None) -> list[EditRequest]:
    """The edit requests in a JSON, JSONL, CSV or YAML file.

    Args:
        path: The file. Rows are those of `read_facts`, with ``target_new`` (or ``target``), and may have ``id`` and ``source``.
        find_subject: Called with a prompt that has no subject, to find it; such a row is refused unless given.

    Raises:
        DataUnavailable: There is no such file.
        InvalidRequest: The file is of another kind, or a row lacks a field.
    """
    requests = []
    for where, row in _rows(path):
        if row.get("alt") == "":
            continue
        with _in_row(where):
            requests.append(_request(row, find_subject))
    return requests


@contextmanager
def _in_row(where: str) -> Iterator[None]:
    """While the context lasts, complaints name the row."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error}") from error


def _request(row: dict[str, Any], find_subject: Callable[[str], str] | None) -> EditRequest:
    target = _words(row, "target_new")
    if target is None:
        raise InvalidRequest("there is no 'target_new' or 'target'; say what the model shall answer.")
    fact = _fact(row, find_subject)
    return EditRequest(fact=fact, target_new=target, id=_words(row, "id") or "", source=_words(row, "source"))


def _fact(row: dict[str, Any], find_subject: Callable[[str], str] | None) -> Fact:
    prompt, subject, true = (_words(row, field) for field in ("prompt", "subject", "target_true"))
    if prompt is None:
        raise InvalidRequest("there is no 'prompt' or 'fact'; every row needs one, such as 'The capital of {France} is'.")
    if subject is None:
        if find_subject is None or "{" in prompt:
            return Fact.parse(prompt, true)
        subject = find_subject(prompt)
    if "{}" not in prompt:
        return Fact.around(prompt, subject, true)
    return Fact(subject=subject, prompt=prompt.strip(), target_true=true)


def _words(row: dict[str, Any], field: str) -> str | None:
    """A field's text, under any of its names; None where all are missing or empty."""
    for name in _NAMES.get(field, (field,)):
        value = row.get(name)
        if isinstance(value, dict) and "str" in value:  # CounterFact writes a target as {"str": …}.
            value = value["str"]
        if isinstance(value, list):  # zsRE lists the true targets.
            value = value[0] if value else None
        if isinstance(value, (dict, list)):
            raise InvalidRequest(f"'{name}' holds no text; put quotes around text that begins with a brace or bracket.")
        words = "" if value is None else str(value).strip()
        if words:
            return words
    return None


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a file, each with the words that say where it stands."""
    if not path.is_file():
        raise DataUnavailable(f"There is no file '{path}'; give the path of a JSON, JSONL, CSV or YAML file of facts.")
    try:
        rows = _parse(path.read_text(encoding="utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"'{path.name}' is not UTF-8 text; save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"'{path.name}' is not valid JSON ({error.msg}, line {error.lineno}); mend it there."
        ) from error
    except yaml.YAMLError as error:
        raise InvalidRequest(
            f"'{path.name}' is not valid YAML ({_problem(error)}); mend it there, with quotes around text that begins with "
            "a brace or holds ': '."
        ) from error
    if isinstance(rows, dict):
        rows = rows.get("facts")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequest(
            f"'{path.name}' must hold a list of objects with 'prompt' (or 'fact') and 'subject', or such a list under 'facts'."
        )
    return [(f"{path.name}, row {number}", _flat(row)) for number, row in enumerate(rows, start=1)]


def _parse(text: str, path: Path) -> Any:
    match path.suffix.lower():
        case ".csv":
            return list(csv.DictReader(io.StringIO(text, newline="")))
        case ".jsonl":
            # Line breaks in front make a mistake carry its line number.
            return [json.loads("\n" * n + line) for n, line in enumerate(text.splitlines()) if line.strip()]
        case ".json":
            return json.loads(text)
        case ".yaml" | ".yml":
            return _Text(text).get_single_data()
    raise InvalidRequest(
        f"'{path.name}' ends in '{path.suffix}'; a file of facts ends in .json, .jsonl, .csv, .yaml or .yml."
    )


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    rewrite = row.get("requested_rewrite")
    return row | rewrite if isinstance(rewrite, dict) else row


def _problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem}, line {mark.line + 1}" if mark is not None else problem
