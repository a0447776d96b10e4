"""Claims of real answers beside real passages (Factcheck-GPT, Wang et al. 2023, Apache-2.0), so that prose is not new to the judge.

A passage is cut down to the sentence that shares most words with the claim and the one after it. What supports only in part is
left out; what refutes is rare and mostly refutes by way of more than a sentence, and is left out too.
"""

from __future__ import annotations

import json
from pathlib import Path

from emendo.verify.atoms import split_sentences
from emendo.verify.names import fold
from nli_training.pairs import NOT_ENOUGH, SUPPORTED, Pair

_LABELS = {"completely-support": SUPPORTED, "irrelevant": NOT_ENOUGH}


def read_stances(data: Path) -> list[Pair]:
    """All pairs that have one of the two labels."""
    lines = (data / "factcheck_gpt" / "subtask3_claim_evidence_stance.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Pair(
            claim=row["claim"],
            evidence=closest(row["claim"], row["evidence"]),
            label=_LABELS[row["stance"]],
            relation="",
            kind="web passage",
        )
        for row in map(json.loads, lines)
        if row["stance"] in _LABELS
    ]


def closest(claim: str, passage: str) -> str:
    """The two sentences that begin where most of a claim's words are."""
    words = set(fold(claim).split())
    sentences = [passage[start:end].strip() for start, end in split_sentences(passage)]
    shared = [len(words & set(fold(sentence).split())) for sentence in sentences]
    at = max(range(len(sentences)), key=shared.__getitem__)
    return " ".join(sentences[at : at + 2])
