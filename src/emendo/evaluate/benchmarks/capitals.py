"""Capitals of countries and of US states: true facts that ship with the package, for a first measurement without any data.

`scripts/build_capitals.py` makes the file from openly licensed tables, which it names. An edit moves the capital to another
capital of the same kind; the neighbours are the ten nearest places of the kind, each with its own capital.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emendo.errors import InvalidRequest
from emendo.evaluate.asking import asked_of_edit
from emendo.evaluate.cases import Case, Neighbour
from emendo.evaluate.same_subject import asked_of_subject
from emendo.facts import EditRequest, Fact

VERSION = "2"
LICENSE = "MIT, BSD-3-Clause, CC BY 4.0 (countryinfo, us, GeoNames)"
SUMMARY = "capitals of countries and US states; ships with Emendo"
DATA = str(Path(__file__).with_name("capitals.json"))
HUB = None

PROMPT = "The capital of {} is"
PARAPHRASES = (
    "The capital city of {} is called",
    "The city that is the capital of {} is",
    "As everyone knows, the capital of {} is",
)
QUESTIONS = (
    "Which city is the capital of {}?",
    "Tell me the capital of {}.",
    "I forgot the name of the capital of {}. What is it?",
)
# What kind of thing each kind of place is, for what else is asked about it.
SUBJECTS = {"country": "country", "US state": "state"}


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file that `scripts/build_capitals.py` made.

    Raises:
        InvalidRequest: It is another file.
    """
    return cases_with(path, lambda place: place["new"], "capital")


def cases_with(path: Path, target: Callable[[Mapping[str, Any]], str], prefix: str) -> Iterator[Case]:
    """The same, with targets and ids of one's own.

    Args:
        path: The file.
        target: The new capital of a place.
        prefix: Of the cases' ids.

    Raises:
        InvalidRequest: It is another file.
    """
    try:
        places: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["places"]
        by_name = {place["subject"]: place for place in places}
        for place in places:
            yield _case(place, by_name, target(place), prefix)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"'{path.name}' is not a file of capitals; make one with scripts/build_capitals.py.") from error


def _case(place: dict[str, Any], by_name: dict[str, dict[str, Any]], new: str, prefix: str) -> Case:
    fact = Fact(subject=place["subject"], prompt=_with_article(PROMPT, place), target_true=place["capital"])
    name = f"{prefix}-" + place["subject"].lower().replace(" ", "-")
    request = EditRequest(fact=fact, target_new=new, id=name, source="capitals benchmark")
    return Case(
        id=name,
        request=request,
        rival=place["capital"],
        paraphrases=_fill(PARAPHRASES, place),
        neighbours=tuple(
            Neighbour(prompt=_fill((PROMPT,), by_name[other])[0], target_true=by_name[other]["capital"])
            for other in place["near"]
        ),
        questions=_fill(QUESTIONS, place),
        asked=(
            *asked_of_edit(request, place["capital"]),
            *asked_of_subject(
                place["subject"],
                kind=SUBJECTS[place["kind"]],
                apart_from=("P36",),
                seed=name,
                fill=lambda template, _: _fill((template,), place)[0],
            ),
        ),
    )


def _with_article(template: str, place: dict[str, Any]) -> str:
    return template.replace("{}", "the {}") if place["article"] else template


def _fill(templates: tuple[str, ...], place: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_with_article(template, place).replace("{}", place["subject"]) for template in templates)
