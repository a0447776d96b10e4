"""Claims beside real passages from the web, labelled by people: Factcheck-GPT (Wang et al. 2023)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification_counts import label, share
from verification_statements import is_tuning

from emendo.verify import Judge, Passage, Report, Source, extract_claims, verify_answer
from emendo.verify.names import fold


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A claim of an answer beside a passage from the web, labelled by people (Wang et al. 2023).

    Attributes:
        claim: The claim.
        evidence: The passage.
        stance: "completely-support", "partially-support", "refute" or "irrelevant".
    """

    claim: str
    evidence: str
    stance: str

    @property
    def truth(self) -> str:
        """What a judge should say of it."""
        return {"refute": "refuted", "irrelevant": "undecided"}.get(self.stance, "supported")


def snippets(folder: Path) -> list[Snippet]:
    """The claims and passages of Factcheck-GPT."""
    lines = (folder / "factcheck_gpt" / "subtask3_claim_evidence_stance.jsonl").read_text(encoding="utf-8").splitlines()
    return [Snippet(**{name: row[name] for name in ("claim", "evidence", "stance")}) for row in map(json.loads, lines)]


def judge_snippets(rows: Sequence[Snippet], judges: Sequence[Judge]) -> list[tuple[Snippet, Report]]:
    """Each claim with the report on it by its passage alone."""
    return [(row, by_passage(row.claim, row.evidence, judges)) for row in rows]


def by_passage(claim: str, evidence: str, judges: Sequence[Judge]) -> Report:
    """The report on a claim by one passage."""
    passage = Passage(source="web", origin="web", locator="", text=evidence)
    source = Source(name="web", search=lambda claim, limit: [passage], version=lambda: "")
    return verify_answer("", claim, sources=[source], judges=judges)


def snippet_figures(judged: Sequence[tuple[Snippet, Report]], tuning: Sequence[Snippet]) -> dict[str, Any]:
    """What is said of the snippets, beside calling each supported whose words overlap enough, tuned on the other half."""
    said = [(row.truth, label(report)) for row, report in judged]
    threshold = max((at / 20 for at in range(1, 20)), key=lambda at: f1([(row.truth, lexical(row, at)) for row in tuning]))
    baseline = [(row.truth, lexical(row, threshold)) for row, _ in judged]
    return {
        "n": len(said),
        "slots": {kind: precision_and_recall(said, kind) for kind in ("supported", "refuted")},
        f"words in common, at least {threshold:.0%}": {"supported": precision_and_recall(baseline, "supported")},
        "majority (nothing decided), accuracy": share(sum(truth == "undecided" for truth, _ in said), len(said)),
        "slots, accuracy": share(sum(truth == label for truth, label in said), len(said)),
    }


def lexical(row: Snippet, threshold: float) -> str:
    """Supported, if so many of the claim's words stand in the passage."""
    words = set(fold(row.claim).split())
    return "supported" if len(words & set(fold(row.evidence).split())) >= threshold * len(words) else "undecided"


def f1(said: Sequence[tuple[str, str]]) -> float:
    """F1 of "supported"."""
    both = sum(truth == label == "supported" for truth, label in said)
    return 2 * both / max(1, sum(truth == "supported" for truth, _ in said) + sum(label == "supported" for _, label in said))


def precision_and_recall(said: Sequence[tuple[str, str]], kind: str) -> dict[str, Any]:
    """Of one label, with intervals."""
    both = sum(truth == label == kind for truth, label in said)
    return {
        "precision": share(both, sum(label == kind for _, label in said)),
        "recall": share(both, sum(truth == kind for truth, _ in said)),
    }


def worthiness(folder: Path, *, tuning: bool) -> dict[str, Any]:
    """How many claims that people call factual are called checkable, and how many others are not."""
    lines = (folder / "factcheck_gpt" / "subtask2_claim_checkworthiness.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if is_tuning(row["claim"]) == tuning]
    checkable = {row["claim"]: any(claim.reason is None for claim in extract_claims("", row["claim"])) for row in rows}
    factual = [row["claim"] for row in rows if row["checkworthy"] == "factual"]
    others = [row["claim"] for row in rows if row["checkworthy"] != "factual"]
    return {
        "factual claims called checkable": share(sum(checkable[claim] for claim in factual), len(factual)),
        "opinions called not checkable": share(sum(not checkable[claim] for claim in others), len(others)),
        "n": len(rows),
    }
