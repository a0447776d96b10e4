"""CounterFact (Meng et al. 2022): counterfactual edits with paraphrases and neighbours that share the true target.

Two schemas are read: the authors' own, with ``requested_rewrite``, two paraphrases and ten neighbours; and the flat one that
editing libraries publish, with ``rephrase_prompt`` and one ``locality_prompt``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emendo.errors import InvalidRequest
from emendo.evaluate.cases import Case, Neighbour
from emendo.facts import EditRequest, Fact

VERSION = "1"
LICENSE = "MIT"
SUMMARY = "counterfactual edits of 21,919 facts (Meng et al. 2022)"
DATA = "counterfact/counterfact-300.json"
HUB = "azhx/counterfact"


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file in either schema.

    Raises:
        InvalidRequest: It is not a JSON list of cases.
    """
    try:
        rows: Any = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"'{path.name}' is not JSON; CounterFact is a JSON list of cases.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequest(f"'{path.name}' does not hold a JSON list of cases, as CounterFact does.")
    for number, row in enumerate(rows, start=1):
        try:
            yield _nested(row) if "requested_rewrite" in row else _flat(row)
        except (KeyError, TypeError) as error:
            raise InvalidRequest(
                f"'{path.name}', row {number}: the field {error} of CounterFact is missing or of another kind; mend the row."
            ) from error


def _nested(row: dict[str, Any]) -> Case:
    rewrite = row["requested_rewrite"]
    new, true = rewrite["target_new"]["str"].strip(), rewrite["target_true"]["str"].strip()
    return Case(
        id=str(row["case_id"]),
        request=_request(row, rewrite["prompt"], rewrite["subject"], new, true),
        rival=true,
        paraphrases=tuple(row["paraphrase_prompts"]),
        neighbours=tuple(Neighbour(prompt=prompt, target_true=true) for prompt in row["neighborhood_prompts"]),
    )


def _flat(row: dict[str, Any]) -> Case:
    before, subject, after = row["prompt"].rpartition(row["subject"])
    if not subject:
        raise KeyError("prompt")
    true = row["ground_truth"].strip()
    neighbour = Neighbour(prompt=row["locality_prompt"], target_true=row["locality_ground_truth"].strip())
    return Case(
        id=str(row["case_id"]),
        request=_request(row, before + "{}" + after, subject, row["target_new"], true),
        rival=true,
        paraphrases=(row["rephrase_prompt"],),
        neighbours=(neighbour,),
    )


def _request(row: dict[str, Any], prompt: str, subject: str, new: str, true: str) -> EditRequest:
    fact = Fact(subject=subject, prompt=prompt.strip(), target_true=true)
    return EditRequest(fact=fact, target_new=new, id=f"counterfact-{row['case_id']}", source="CounterFact")
