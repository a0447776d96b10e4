"""Generated pairs of a claim and evidence (scripts/nli_training), and what judges make of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from verification_counts import label, share
from verification_snippets import by_passage
from verification_statements import is_tuning

from emendo.verify import Judge, Report

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from nli_training.facts import read_facts
from nli_training.pairs import LABELS, Generator, Pair

TRUTHS = dict(zip(LABELS, ("supported", "refuted", "undecided"), strict=True))


def generated(data: Path, *, tuning: bool, held_out: bool, seed: int, n: int) -> list[Pair]:
    """Pairs about subjects of one half, of relations that are trained on or of those that are held out."""
    facts = read_facts(data)
    return list(islice(Generator(facts, lambda name: is_tuning(name) == tuning, seed, held_out=held_out).pairs(), n))


def judge_pairs(pairs: Sequence[Pair], judges: Sequence[Judge]) -> list[tuple[Pair, Report]]:
    """Each claim with the report on it by its evidence alone."""
    return [(pair, by_passage(pair.claim, pair.evidence, judges)) for pair in pairs]


def pair_figures(judged: Sequence[tuple[Pair, Report]]) -> dict[str, Any]:
    """Precision and recall of both labels; false alarms among what is supported, and among what cannot be decided."""
    rows = [(TRUTHS[pair.label], label(report)) for pair, report in judged]
    of = {truth: [said for told, said in rows if told == truth] for truth in TRUTHS.values()}
    found: dict[str, Any] = {"n": len(rows)}
    for kind in ("refuted", "supported"):
        right = of[kind].count(kind)
        found[f"precision of {kind}"] = share(right, sum(said == kind for _, said in rows))
        found[f"recall of {kind}"] = share(right, len(of[kind]))
    found["false alarms"] = share(of["supported"].count("refuted"), len(of["supported"]))
    found["undecidable called refuted"] = share(of["undecided"].count("refuted"), len(of["undecided"]))
    return found
