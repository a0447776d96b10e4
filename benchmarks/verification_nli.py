"""How the judge `nli` reads evidence, alone and behind `slots`.

    python benchmarks/verification_nli.py                      # held-out halves → docs/results/verification_nli.json
    python benchmarks/verification_nli.py --float32 FILE       # … beside the weights before they were made int8
    python benchmarks/verification_nli.py --fit                # tuning halves → thresholds of the package

Pairs of a claim and evidence are generated (scripts/nli_training) about subjects of the held-out half, of relations that were
trained on and of relations that never were; statements and attacks are those of benchmarks/verification.py; claims beside
passages from the web those of Factcheck-GPT (Wang et al. 2023). A threshold is the lowest probability from which on the
precision on the tuning halves is at least as high as `TARGETS` asks, and no lower than `LOWEST`: of relations that it never saw the
model is surer than it should be.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from verification_counts import figures, label, share
from verification_near import near_pairs
from verification_pairs import LABELS, Pair, generated, judge_pairs, pair_figures
from verification_snippets import (
    Snippet,
    by_passage,
    judge_snippets,
    lexical,
    precision_and_recall,
    snippet_figures,
    snippets,
)
from verification_statements import (
    attack_items,
    counterfact_items,
    folder_source,
    functional,
    is_tuning,
    judge,
    relation_items,
)

from emendo.evaluate.data import find_data
from emendo.verify import Judge, Report, extract_claims, open_judge
from emendo.verify.entailment.scope import questions
from emendo.verify.entailment.shipped import ShippedModel
from emendo.verify.judges import nli

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "verification_nli.json"
THRESHOLDS = ROOT / "src" / "emendo" / "verify" / "entailment" / "thresholds.json"
TARGETS = {"supported": 0.97, "refuted": 0.99, "refuted, unread": 0.98}
LOWEST = {"supported": 0.8, "refuted": 0.96, "refuted, unread": 0.96}
N = 600
SEED_FIT, SEED_TEST = 101, 202
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A sentence that the judge may decide by, with what it thinks and what is right."""

    supported: float
    refuted: float
    may_support: bool
    may_refute: bool
    is_read: bool
    truth: str


def three_way(pairs: Sequence[Pair], shares: np.ndarray) -> dict[str, Any]:
    """The likeliest label beside the right one."""
    said = [LABELS[at] for at in shares.argmax(axis=1)]
    rows = [(pair.label, given) for pair, given in zip(pairs, said, strict=True)]
    of_true = [given for truth, given in rows if truth == "supported"]
    return {
        "n": len(rows),
        "accuracy": share(sum(truth == given for truth, given in rows), len(rows)),
        "majority, accuracy": share(max(sum(truth == one for truth, _ in rows) for one in LABELS), len(rows)),
        "refuted": precision_and_recall(rows, "refuted"),
        "supported": precision_and_recall(rows, "supported"),
        "supported called refuted": share(of_true.count("refuted"), len(of_true)),
    }


def majority_and_words(held: Sequence[Snippet], tuning: Sequence[Snippet], judged: dict[str, Any]) -> dict[str, Any]:
    """Stances of passages from the web: the judges beside the majority and beside words in common."""
    found = {}
    for name, reports in judged.items():
        said = [(row.truth, label(report)) for row, report in reports]
        found[name] = {
            "accuracy": share(sum(truth == given for truth, given in said), len(said)),
            **{kind: precision_and_recall(said, kind) for kind in ("supported", "refuted")},
        }
    told = snippet_figures(judged["slots"], tuning)
    words = next(name for name in told if name.startswith("words"))
    at = int(words.split()[-1].rstrip("%")) / 100
    said = [(row.truth, lexical(row, at)) for row in held]
    found[words] = {
        "accuracy": share(sum(truth == given for truth, given in said), len(said)),
        "supported": told[words]["supported"],
    }
    found["majority (nothing decided)"] = {"accuracy": told["majority (nothing decided), accuracy"]}
    return {"n": len(held), "rows": found}


def near_figures(judges: list[Judge]) -> dict[str, Any]:
    """How often a sentence that decides nothing is taken to decide."""
    said = [label(by_passage(pair.claim, pair.evidence, judges)) for pair in near_pairs(tuning=False)]
    return {"n": len(said), **{kind: share(said.count(kind), len(said)) for kind in ("refuted", "supported")}}


def without_nli(report: Report) -> Report:
    """The report as `slots` alone would make it: `nli` is asked only about claims of which `slots` has no opinion."""
    verdicts = tuple(
        replace(verdict, label="not_enough_evidence") if any(one.judge == "nli" for one in verdict.opinions) else verdict
        for verdict in report.verdicts
    )
    return replace(report, verdicts=verdicts)


def both(judged: Sequence[tuple[T, Report]]) -> dict[str, list[tuple[T, Report]]]:
    """What was judged, by `slots` alone and with `nli` behind it."""
    return {"slots": [(what, without_nli(report)) for what, report in judged], "slots, nli": list(judged)}


def statements(data: Path, judges: list[Judge]) -> dict[str, Any]:
    """The statements and attacks of benchmarks/verification.py against a folder."""
    items = [*relation_items(data), *counterfact_items(data)]
    mine = [item for item in items if not is_tuning(item.subject)]
    hostile = [item for item in attack_items(mine) if item.evidence]
    may_refute = {item.text for item in functional(mine)}
    with tempfile.TemporaryDirectory() as held:
        judged = both(judge(mine, folder_source(items, Path(held) / "plain"), judges))
        attacked = both(judge(hostile, folder_source([*items, *hostile], Path(held) / "hostile"), judges))
    found = {}
    for name, pairs in judged.items():
        found[f"{name}: all statements"] = figures(pairs)
        found[f"{name}: functional relations"] = figures([pair for pair in pairs if pair[0].text in may_refute])
        found[f"{name}: other statements"] = figures([pair for pair in pairs if pair[0].text not in may_refute])
        for attack in sorted({item.group for item in hostile}):
            found[f"{name}: {attack.replace('/', ': ')}"] = figures(
                [pair for pair in attacked[name] if pair[0].group == attack]
            )
    return found


def speed(pairs: Sequence[Pair]) -> dict[str, float]:
    """Milliseconds a pair of claim and passage, one by one as the judge is asked, and in batches."""
    model = ShippedModel()
    told = [(pair.claim, pair.evidence) for pair in pairs]
    model.probabilities(told[:8])
    times = []
    for pair in told:
        started = time.perf_counter()
        model.probabilities([pair])
        times.append(1000 * (time.perf_counter() - started))
    started = time.perf_counter()
    model.probabilities(told)
    in_batches = 1000 * (time.perf_counter() - started) / len(told)
    return {
        "n": len(told),
        "median, one by one": round(float(np.median(times)), 2),
        "95th percentile, one by one": round(float(np.percentile(times, 95)), 2),
        "mean, in batches": round(in_batches, 2),
    }


def fit(data: Path) -> None:
    """Fit the thresholds on the tuning halves: generated pairs of trained relations, statements and passages from the web."""
    config = nli.Config()
    pairs = generated(data, tuning=True, held_out=False, seed=SEED_FIT, n=5 * N)
    told = [(pair.claim, pair.evidence, pair.label) for pair in pairs]
    items = [item for item in [*relation_items(data), *counterfact_items(data)] if is_tuning(item.subject)]
    may_refute = {item.text for item in functional(items)}
    told += [
        (item.text, item.evidence, "supported" if item.is_true else "refuted" if item.text in may_refute else "open")
        for item in items
    ]
    told += [(row.claim, row.evidence, row.truth) for row in snippets(data) if is_tuning(row.claim)]
    told += [(pair.claim, pair.evidence, "open") for pair in near_pairs(tuning=True)]
    asked: list[Asked] = []
    for claim_text, evidence, truth in told:
        for claim in extract_claims("", claim_text)[:1]:
            found = list(questions(claim, evidence, config.gazetteer)) if claim.reason is None else []
            if not found:
                continue
            shares = config.encoder.probabilities([(claim.text, one.sentence) for one in found])
            asked += [
                Asked(
                    supported=float(row[0]),
                    refuted=float(row[1]),
                    may_support=one.may_support,
                    may_refute=one.may_refute,
                    is_read=bool(claim.statements),
                    truth=truth,
                )
                for one, row in zip(found, shares, strict=True)
            ]
    sides = {
        "supported": [(one.supported, one.truth == "supported") for one in asked if one.may_support],
        "refuted": [(one.refuted, one.truth == "refuted") for one in asked if one.may_refute and one.is_read],
        "refuted, unread": [(one.refuted, one.truth == "refuted") for one in asked if one.may_refute and not one.is_read],
    }
    document = {
        "command": "python benchmarks/verification_nli.py --fit",
        "precision asked for": TARGETS,
        "tuning pairs": {name: len(rows) for name, rows in sides.items()},
        "from": {
            name: max(LOWEST[name], lowest_threshold(sorted(rows, reverse=True), TARGETS[name]))
            for name, rows in sides.items()
        },
    }
    THRESHOLDS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


def lowest_threshold(rows: Sequence[tuple[float, bool]], target: float) -> float:
    """The lowest probability from which on so many are right; rows are sorted from the surest."""
    right, best = 0, 0.999
    for at, (probability, is_right) in enumerate(rows, start=1):
        right += is_right
        if right / at >= target:
            best = probability
    return round(best, 2)


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="fit the thresholds and write them into the package")
    parser.add_argument("--float32", type=Path, help="the weights before they were made int8, as ONNX")
    chosen = parser.parse_args()
    data = find_data("relations", None).parent
    if chosen.fit:
        fit(data)
        return
    judges = [open_judge("slots"), open_judge("nli")]
    groups = {
        "trained relations, unseen subjects": generated(data, tuning=False, held_out=False, seed=SEED_TEST, n=N),
        "unseen relations, unseen subjects": generated(data, tuning=False, held_out=True, seed=SEED_TEST, n=N),
    }
    weights = {"int8": ShippedModel()}
    if chosen.float32 is not None:
        weights["float32"] = ShippedModel(chosen.float32.read_bytes())
    model: dict[str, Any] = {}
    shares: dict[tuple[str, str], np.ndarray] = {}
    for kind, encoder in weights.items():
        for group, pairs in groups.items():
            shares[kind, group] = encoder.probabilities([(pair.claim, pair.evidence) for pair in pairs])
            model[f"{kind}: {group}"] = three_way(pairs, shares[kind, group])
    document: dict[str, Any] = {
        "command": "python benchmarks/verification_nli.py" + (" --float32 FILE" if chosen.float32 else ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": model,
        "judged": {
            f"{name}: {group}": pair_figures(judged)
            for group, pairs in groups.items()
            for name, judged in both(judge_pairs(pairs, judges)).items()
        },
        "statements": statements(data, judges),
        "another relation in words of its own": near_figures(judges),
    }
    if chosen.float32 is not None:
        same = [shares["int8", group].argmax(1) == shares["float32", group].argmax(1) for group in groups]
        apart = [np.abs(shares["int8", group] - shares["float32", group]).max(1) for group in groups]
        document["int8 beside float32"] = {
            "same label": share(int(np.concatenate(same).sum()), sum(map(len, same))),
            "largest difference of a probability, median": round(float(np.median(np.concatenate(apart))), 4),
        }
    held = [row for row in snippets(data) if not is_tuning(row.claim)]
    tuning = [row for row in snippets(data) if is_tuning(row.claim)]
    document["stances"] = majority_and_words(held, tuning, both(judge_snippets(held, judges)))
    document["milliseconds a pair"] = speed(groups["trained relations, unseen subjects"][:300])
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
