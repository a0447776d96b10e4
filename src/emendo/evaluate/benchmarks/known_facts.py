"""True facts that GPT-2 XL knows (Meng et al. 2022), of 33 relations, moved to another object of the same relation.

The facts that causal tracing is averaged over. With ``--correct`` they are those that another model has wrong, set right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emendo.evaluate.cases import Case
from emendo.evaluate.rows import checked_rows
from emendo.evaluate.same_subject import KINDS
from emendo.evaluate.true_facts import Relation, Sample, counterfactual_cases
from emendo.facts import Fact

VERSION = "1"
LICENSE = "MIT"
SUMMARY = "true facts that GPT-2 XL knows, moved to another object (Meng et al. 2022)"
DATA = "known_facts/known-900.json"
HUB = None


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file of known facts.

    Raises:
        InvalidRequest: It is not a JSON list of such rows.
    """
    samples: dict[str, dict[str, Sample]] = {}
    for relation, sample in checked_rows(path, "known facts", lambda row, _: _sample(row)):
        # A subject may stand in a relation more than once; its first fact is taken, with all that is true.
        known = samples.setdefault(relation, {}).setdefault(sample.subject, sample)
        if sample.objects[0] not in known.objects:
            samples[relation][sample.subject] = Sample(
                subject=known.subject, prompt=known.prompt, objects=known.objects + sample.objects
            )
    return counterfactual_cases(
        [
            Relation(
                name=f"known-{relation}",
                property=relation,
                kind=KINDS.get(relation, "anything"),
                samples=tuple(by_subject.values()),
                source="known facts",
            )
            for relation, by_subject in samples.items()
        ]
    )


def _sample(row: dict[str, Any]) -> tuple[str, Sample]:
    fact = Fact.around(row["prompt"], row["subject"])
    return row["relation_id"], Sample(subject=fact.subject, prompt=fact.prompt, objects=(row["attribute"].strip(),))
