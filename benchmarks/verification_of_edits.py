"""Whether verification finds what an edit made a model say, beside self-consistency, which cannot.

    python benchmarks/verification_of_edits.py --n 20

Capitals that the embedded model is taught wrongly, one edit each, computed and never recorded. The original and the edited model
are asked two questions about each, greedily; an answer counts as false if it names the planted capital and as true if it names
the right one, and is left out otherwise. Each answer is verified against the embedded tables, and five more answers are drawn at
temperature 1: self-consistency flags an answer if fewer than half of those name the same capital (Manakul et al. 2023, in its
simplest form). An edited model is consistently wrong.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verification_counts import share
from verification_statements import is_tuning

from emendo.edit import DEFAULT_METHOD, compute_edit
from emendo.errors import EditRefused
from emendo.evaluate.benchmarks import capitals
from emendo.evaluate.cases import Case
from emendo.models import ORIGINAL, EditableModel, Revision, chat_prompt, generate, load_model
from emendo.verify import open_source, verify_answer
from emendo.verify.names import fold

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "verification_of_edits.json"
SAMPLES = 5
MOST_TOKENS = 32


def names(text: str, name: str) -> bool:
    """Whether a text holds a name as words of its own."""
    return f" {fold(name)} " in f" {fold(text)} "


def rows_of(model: EditableModel, case: Case, sides: dict[str, Revision]) -> list[dict[str, Any]]:
    """The answers of both sides to two questions, each labelled, with its samples."""
    true, planted = case.rival, case.request.target_new
    assert true is not None
    rows = []
    for question in (case.request.fact.question(), case.questions[0]):
        prompt = chat_prompt(model, question)
        for side, revision in sides.items():
            (said,) = generate(model, [prompt], [revision], max_new_tokens=MOST_TOKENS)
            drawn = generate(
                model,
                [prompt] * SAMPLES,
                [revision] * SAMPLES,
                max_new_tokens=MOST_TOKENS,
                temperature=1.0,
                seed=list(range(SAMPLES)),
            )
            holds = [names(said.text, true), names(said.text, planted)]
            named = true if holds == [True, False] else planted if holds == [False, True] else None
            same = sum(names(one.text, named) for one in drawn) / SAMPLES if named else None
            rows.append(
                {
                    "question": question,
                    "side": side,
                    "answer": said.text.strip(),
                    "is_true": None if named is None else named == true,
                    "same": same,
                }
            )
    return rows


def main() -> None:
    """Edit, ask, verify, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20, help="facts to edit")
    parser.add_argument("--method", default=DEFAULT_METHOD, help="that edits them")
    chosen = parser.parse_args()
    model, facts = load_model(), open_source("facts")
    cases = [case for case in capitals.read_cases(Path(capitals.DATA)) if not is_tuning(case.request.fact.subject)]
    rows: list[dict[str, Any]] = []
    refused, seconds = 0, []
    step = max(1, len(cases) // chosen.n)
    for case in cases[::step][: chosen.n]:
        try:
            edit = compute_edit(model, case.request, method=chosen.method)
        except EditRefused:
            refused += 1
            continue
        for row in rows_of(model, case, {"original": ORIGINAL, "edited": ORIGINAL.plus(edit.delta)}):
            started = time.perf_counter()
            report = verify_answer(row["question"], row["answer"], sources=[facts])
            seconds.append(time.perf_counter() - started)
            # The question is about one fact: it is refuted where any claim of the answer is.
            label = "refuted" if report.refuted else "supported" if report.counts["supported"] else "undecided"
            rows.append({**row, "verdict": label})
            print(row["side"], row["is_true"], label, row["same"], row["answer"][:80].replace("\n", " "), flush=True)
    known = [row for row in rows if row["is_true"] is not None]
    false, true = ([row for row in known if row["is_true"] is kind] for kind in (False, True))
    planted = [row for row in false if row["side"] == "edited"]
    document = {
        "command": f"python benchmarks/verification_of_edits.py --n {chosen.n} --method {chosen.method}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": model.name,
        "facts": chosen.n,
        "refused": refused,
        "answers": len(rows),
        "labelled": len(known),
        "verification": {
            "planted falsehoods refuted": share(sum(row["verdict"] == "refuted" for row in planted), len(planted)),
            "true answers refuted": share(sum(row["verdict"] == "refuted" for row in true), len(true)),
            "planted falsehoods called supported": share(
                sum(row["verdict"] == "supported" for row in planted), len(planted)
            ),
            "true answers supported": share(sum(row["verdict"] == "supported" for row in true), len(true)),
        },
        "self-consistency": {
            "planted falsehoods flagged": share(sum(row["same"] < 0.5 for row in planted), len(planted)),
            "true answers flagged": share(sum(row["same"] < 0.5 for row in true), len(true)),
        },
        "n": {"planted": len(planted), "true": len(true)},
        "seconds an answer": round(sorted(seconds)[len(seconds) // 2], 4) if seconds else None,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in document.items() if name != "rows"}, indent=1))


if __name__ == "__main__":
    main()
