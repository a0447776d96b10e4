"""True facts of 26 relations (Hernandez et al. 2023), a file a relation, moved to another object of the same relation.

The paraphrases of a prompt are the other templates of its relation, and questions stand in some of them ("Who is the CEO of {}?
Their name is"). Other relations of the same subject are asked with their true answers where the files have them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emendo.errors import InvalidRequest
from emendo.evaluate.cases import Case
from emendo.evaluate.true_facts import Relation, Sample, counterfactual_cases

VERSION = "1"
LICENSE = "MIT"
SUMMARY = "true facts of 26 relations, moved to another object (Hernandez et al. 2023)"
DATA = "relations"
HUB = None

_QUESTION = re.compile(r"[^?]*\{\}[^?]*\?")
# By the name of the file: the relation's Wikidata property (or a word of its own), where it is one that other questions touch.
_PROPERTIES = {
    "city_in_country": "P17",
    "company_ceo": "P169",
    "company_hq": "P159",
    "country_capital_city": "P36",
    "country_currency": "P38",
    "country_language": "P37",
    "country_largest_city": "largest_city",
    "food_from_country": "P495",
    "landmark_in_country": "P17",
    "landmark_on_continent": "P30",
    "person_band_lead_singer": "P463",
    "person_father": "P22",
    "person_mother": "P25",
    "person_native_language": "P103",
    "person_occupation": "P106",
    "person_plays_instrument": "P1303",
    "person_plays_position_in_sport": "P413",
    "person_plays_pro_sport": "P641",
    "person_university": "P69",
    "presidents_birth_year": "P569",
    "product_by_company": "P176",
}
# By what a file calls the domain of its relation.
_KINDS = {
    "city": "place",
    "company": "organisation",
    "country": "country",
    "landmark": "located",
    "person": "person",
    "product": "work",
}


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a folder of relations, or of the file of one.

    Raises:
        InvalidRequest: A file is no relation, or there is none.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InvalidRequest(
            f"The folder '{path.name}' holds no '.json' file; a relation is one, with templates and samples."
        )
    return counterfactual_cases([_relation(file) for file in files])


def _relation(path: Path) -> Relation:
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
        templates = [template for template in fields["prompt_templates"] if template.count("{}") == 1]
        told = [template for template in fields["prompt_templates_zs"] if template.count("{}") == 1]
        objects: dict[str, list[str]] = {}
        for sample in fields["samples"]:
            objects.setdefault(sample["subject"].strip(), []).append(sample["object"].strip())
        kind = _KINDS.get(fields["properties"]["domain_name"], "anything")
        prompt = templates[0]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidRequest(
            f"'{path.name}' is not a file of a relation: 'prompt_templates', 'prompt_templates_zs', 'properties' and 'samples' "
            "with 'subject' and 'object' are expected."
        ) from error
    return Relation(
        name=path.stem,
        property=_PROPERTIES.get(path.stem, path.stem),
        kind=kind,
        samples=tuple(
            Sample(subject=subject, prompt=prompt, objects=tuple(dict.fromkeys(found))) for subject, found in objects.items()
        ),
        paraphrases=tuple(dict.fromkeys([*templates[1:], *told])),
        questions=tuple(dict.fromkeys(found[0] for template in told if (found := _QUESTION.match(template)) is not None)),
        source="Hernandez et al. 2023",
    )
