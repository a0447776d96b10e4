"""zsRE (Levy et al. 2017) in the schema of MEND (Mitchell et al. 2022): questions with another answer than the true one.

The question itself is the prompt, ``rephrase`` its paraphrase, and ``loc`` a question about something else, whose answer should
be kept. The published measures are the shares of right tokens, teacher-forced. A row without a new answer, or whose new answer is
the only true one, edits nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emendo.evaluate.asking import asked_of_edit
from emendo.evaluate.cases import Asked, Case, Neighbour
from emendo.evaluate.rows import read_rows
from emendo.facts import EditRequest, Fact

VERSION = "1"
LICENSE = "MIT"
SUMMARY = "questions that are given another answer (Levy et al. 2017, Mitchell et al. 2022)"
DATA = "zsre/zsre-1000.json"
HUB = None

_MARK = "nq question: "


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file in MEND's schema.

    Raises:
        InvalidRequest: It is not a JSON list of such rows.
    """
    return read_rows(path, "zsRE", _case)


def _case(row: dict[str, Any], number: int) -> Case | None:
    new = row["alt"].strip()
    true = [answer for answer in (*row["answers"], row["pred"]) if answer.strip() and answer.casefold() != new.casefold()]
    if not new or not true:
        return None
    case_id = f"zsre-{number}"
    fact = Fact.around(row["src"], row["subject"], true[0].strip())
    request = EditRequest(fact=fact, target_new=new, id=case_id, source="zsRE")
    other = row["loc"].removesuffix("?") + "?"
    question = other.removeprefix(_MARK)
    return Case(
        id=case_id,
        request=request,
        rival=true[0].strip(),
        paraphrases=(row["rephrase"],),
        neighbours=(Neighbour(prompt=other, target_true=row["loc_ans"].strip()),),
        questions=(row["rephrase"],),
        asked=(
            *asked_of_edit(request, true[0].strip()),
            Asked(kind="locality", text=question[:1].upper() + question[1:], is_chat=True),
        ),
    )
