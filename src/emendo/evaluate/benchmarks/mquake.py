"""MQuAKE (Zhong et al. 2023): what follows from several edits at once, asked in one question.

The edits of a case are made together: `request` is its first and `with_requests` are the others. A question counts as answered
if the greedy chat answer gives the new answer or one of its other names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emendo.evaluate.cases import Asked, Case
from emendo.evaluate.rows import read_rows
from emendo.facts import EditRequest, Fact

VERSION = "1"
LICENSE = "MIT"
SUMMARY = "questions whose answer follows from several edits made together (Zhong et al. 2023)"
DATA = "mquake/mquake-hard.json"
HUB = None

_CODE = 3


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file in the authors' schema.

    Raises:
        InvalidRequest: It is not a JSON list of such rows.
    """
    return read_rows(path, "MQuAKE", lambda row, _: _case(row))


def _case(row: dict[str, Any]) -> Case:
    case_id = f"mquake-{row['case_id']}"
    rewrites: list[dict[str, Any]] = row["requested_rewrite"]
    request, *others = [_request(rewrite, f"{case_id}-{number}") for number, rewrite in enumerate(rewrites, start=1)]
    names = {hop["question"]: _names(hop["answer"], hop["answer_alias"]) for hop in row["new_single_hops"]}
    hops = _names(row["new_answer"], row["new_answer_alias"])
    return Case(
        id=case_id,
        request=request,
        rival=rewrites[0]["target_true"]["str"],
        questions=(rewrites[0]["question"],),
        asked=(
            *(Asked(kind="hop", text=question, is_chat=True, accepted=hops) for question in row["questions"]),
            *(
                Asked(
                    kind="companion",
                    text=rewrite["question"],
                    is_chat=True,
                    accepted=names.get(rewrite["question"], (rewrite["target_new"]["str"],)),
                )
                for rewrite in rewrites[1:]
            ),
        ),
        with_requests=tuple(others),
    )


def _request(rewrite: dict[str, Any], name: str) -> EditRequest:
    fact = Fact(subject=rewrite["subject"], prompt=rewrite["prompt"].strip(), target_true=rewrite["target_true"]["str"])
    return EditRequest(fact=fact, target_new=rewrite["target_new"]["str"], id=name, source="MQuAKE")


def _names(name: str, others: Sequence[str]) -> tuple[str, ...]:
    """The names of a thing; codes in small letters are left out: "it" would be found in every answer about Italian."""
    return (name, *(other for other in others if len(other) > _CODE or not other.islower()))
