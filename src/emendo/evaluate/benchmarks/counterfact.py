"""CounterFact (Meng et al. 2022): counterfactual edits with paraphrases and neighbours that share the true target.

Two schemas are read: the authors' own, with ``requested_rewrite``, two paraphrases, ten neighbours, and prompts for generation
and of things that have the new target; and the flat one that editing libraries publish, with ``rephrase_prompt`` and one
``locality_prompt``. What is asked beside that, about the edit and about other relations of its subject, is made by rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emendo.evaluate.asking import asked_of_edit
from emendo.evaluate.cases import Asked, Case, Neighbour
from emendo.evaluate.rows import read_rows
from emendo.evaluate.same_subject import KINDS, asked_of_subject
from emendo.facts import EditRequest, Fact

VERSION = "2"
LICENSE = "MIT"
SUMMARY = "counterfactual edits of 21,919 facts (Meng et al. 2022)"
DATA = "counterfact/counterfact-300.json"
HUB = "azhx/counterfact"

# CounterFact repeats two or three prompts to make ten.
GENERATIONS = 3
GENERATED_TOKENS = 60


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file in either schema.

    Raises:
        InvalidRequest: It is not a JSON list of cases.
    """
    return read_rows(path, "CounterFact", lambda row, _: _nested(row) if "requested_rewrite" in row else _flat(row))


def _nested(row: dict[str, Any]) -> Case:
    rewrite = row["requested_rewrite"]
    new, true = rewrite["target_new"]["str"].strip(), rewrite["target_true"]["str"].strip()
    request = _request(row, rewrite["prompt"], rewrite["subject"], new, true)
    return Case(
        id=str(row["case_id"]),
        request=request,
        rival=true,
        paraphrases=tuple(row["paraphrase_prompts"]),
        neighbours=tuple(Neighbour(prompt=prompt, target_true=true) for prompt in row["neighborhood_prompts"]),
        asked=(
            *_asked(row, request, true, rewrite.get("relation_id", "")),
            *(
                Asked(kind="essence", text=text, is_chat=False, max_new_tokens=GENERATED_TOKENS)
                for text in list(dict.fromkeys(row.get("generation_prompts", ())))[:GENERATIONS]
            ),
        ),
        references=tuple(f"{prompt} {new}." for prompt in row.get("attribute_prompts", ())),
    )


def _flat(row: dict[str, Any]) -> Case:
    before, subject, after = row["prompt"].rpartition(row["subject"])
    if not subject:
        raise KeyError("prompt")
    true = row["ground_truth"].strip()
    neighbour = Neighbour(prompt=row["locality_prompt"], target_true=row["locality_ground_truth"].strip())
    request = _request(row, before + "{}" + after, subject, row["target_new"], true)
    return Case(
        id=str(row["case_id"]),
        request=request,
        rival=true,
        paraphrases=(row["rephrase_prompt"],),
        neighbours=(neighbour,),
        asked=_asked(row, request, true, row.get("relation_id", "")),
    )


def _request(row: dict[str, Any], prompt: str, subject: str, new: str, true: str) -> EditRequest:
    fact = Fact(subject=subject, prompt=prompt.strip(), target_true=true)
    return EditRequest(fact=fact, target_new=new, id=f"counterfact-{row['case_id']}", source="CounterFact")


def _asked(row: dict[str, Any], request: EditRequest, true: str, relation: str) -> tuple[Asked, ...]:
    kind = KINDS.get(relation, "anything")
    of_subject = asked_of_subject(request.fact.subject, kind=kind, apart_from=(relation,), seed=str(row["case_id"]))
    return (*asked_of_edit(request, true), *of_subject)
