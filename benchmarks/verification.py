"""How well `emendo.verify` finds falsehoods, on statements whose truth is known.

    python benchmarks/verification.py                 # measure on the held-out half, write docs/results/verification.json
    python benchmarks/verification.py --calibrate     # count on the tuning half, write src/emendo/verify/calibration.json

Statements are made from the relations of Hernandez et al. (2023), from CounterFact (Meng et al. 2022), and from the tables
themselves; each is stated with its true value and with a swapped one. A statement belongs to the tuning or to the held-out half
by a hash of its subject. Two kinds of evidence are measured apart: the embedded tables, and a folder of sentences that state the
true values in other words, or in the same words where a relation has but one wording, among as many about other subjects.

Real passages from the web with labels by people are those of Factcheck-GPT (Wang et al. 2023).

    precision = refuted and false / refuted           recall = refuted and false / false statements
    false alarms = refuted and true / true statements coverage = decided / statements

Intervals are Wilson's at 95 %.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verification_counts import figures, label, reliability
from verification_pairs import TRUTHS, Pair, generated, judge_pairs
from verification_snippets import Snippet, judge_snippets, snippet_figures, snippets, worthiness
from verification_statements import (
    Item,
    attack_items,
    counterfact_items,
    folder_source,
    functional,
    is_tuning,
    judge,
    relation_items,
    table_attacks,
)

from emendo.evaluate.data import find_data
from emendo.verify import Report, Verdict, open_judge, open_source
from emendo.verify.pipeline import DEFAULT_JUDGES

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "verification.json"
N_PAIRS, SEED_PAIRS = 1500, 303
CALIBRATION = ROOT / "src" / "emendo" / "verify" / "calibration.json"


def main() -> None:
    """Measure, or calibrate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--calibrate", action="store_true", help="count on the tuning half and write the package's calibration"
    )
    parser.add_argument("--show", action="store_true", help="print what went wrong; write nothing")
    chosen = parser.parse_args()
    data = find_data("relations", None).parent
    items = [*relation_items(data), *counterfact_items(data)]
    tuning = chosen.calibrate or chosen.show
    mine = [item for item in items if is_tuning(item.subject) == tuning]
    attacks = [item for item in table_attacks() if is_tuning(item.subject) == tuning]
    facts = open_source("facts")
    # What is calibrated is every judge of the package that can be run anywhere.
    judges = [open_judge(name) for name in (("slots", "nli") if chosen.calibrate else DEFAULT_JUDGES)]
    with tempfile.TemporaryDirectory() as held:
        passages = folder_source(items, Path(held) / "plain")
        started = time.perf_counter()
        by_tables = judge([*mine, *attacks], facts, judges)
        seconds = time.perf_counter() - started
        by_passages = judge(mine, passages, judges)
        seconds_passages = time.perf_counter() - started - seconds
        by_snippets = judge_snippets([row for row in snippets(data) if is_tuning(row.claim) == tuning], judges)
        hostile = [] if chosen.calibrate else [item for item in attack_items(mine) if item.evidence]
        by_attack = judge(hostile, folder_source([*items, *hostile], Path(held) / "hostile"), judges)
    if chosen.show:
        show(by_tables, by_passages, by_attack)
        return
    if chosen.calibrate:
        pairs = generated(data, tuning=True, held_out=False, seed=SEED_PAIRS, n=N_PAIRS)
        calibrate([*by_tables, *by_passages], by_snippets, judge_pairs(pairs, judges))
        return
    times = {"tables": round(seconds / len(by_tables), 4), "passages": round(seconds_passages / len(by_passages), 4)}
    claims = {
        "check-worthiness": worthiness(data, tuning=False),
        "web snippets": snippet_figures(by_snippets, [row for row in snippets(data) if is_tuning(row.claim)]),
    }
    write(by_tables, by_passages, by_attack, by_snippets, {**claims, "seconds a claim": times})


def show(*sides: Sequence[tuple[Item, Report]]) -> None:
    """What went wrong, and the figures."""
    for judged in sides:
        for item, report in judged:
            said = label(report)
            if (said == "refuted") == item.is_true and said != "undecided":
                print(item.group, "TRUE " if item.is_true else "FALSE", said, "|", item.text, "|", report.verdicts[0].why)
        groups: dict[str, list[tuple[Item, Report]]] = defaultdict(list)
        for pair in judged:
            groups[pair[0].group].append(pair)
        for group, pairs in sorted(groups.items()):
            counts = Counter((item.is_true, label(report)) for item, report in pairs)
            print(f"{group:45}", {f"{'true' if true else 'false'} {said}": n for (true, said), n in sorted(counts.items())})
        print(json.dumps(figures(judged), indent=1))


def decided_of(pairs: Sequence[tuple[Report, str]]) -> list[tuple[Verdict, bool]]:
    """The decided verdicts on answers of one claim, and whether they are right."""
    single = [(report.verdicts[0], truth) for report, truth in pairs if len(report.verdicts) == 1]
    return [(verdict, verdict.label == truth) for verdict, truth in single if verdict.confidence is not None]


def labelled(
    judged: Sequence[tuple[Item, Report]], by_snippets: Sequence[tuple[Snippet, Report]]
) -> list[tuple[Report, str]]:
    """Reports with what is right."""
    pairs = [(report, "supported" if item.is_true else "refuted") for item, report in judged]
    return [*pairs, *((report, row.truth) for row, report in by_snippets)]


def calibrate(
    judged: Sequence[tuple[Item, Report]],
    by_snippets: Sequence[tuple[Snippet, Report]],
    by_pairs: Sequence[tuple[Pair, Report]],
) -> None:
    """Count for each tier how many opinions were right, and write it into the package.

    The generated pairs are the cross-encoder's own, and are counted for what it alone decided.
    """
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    own = decided_of([(report, TRUTHS[pair.label]) for pair, report in by_pairs])
    own = [(verdict, is_right) for verdict, is_right in own if all(one.judge == "nli" for one in verdict.opinions)]
    for verdict, is_right in [*decided_of(labelled(judged, by_snippets)), *own]:
        for tier in {opinion.tier for opinion in verdict.opinions if opinion.label == verdict.label}:
            counts[tier][is_right] += 1
    tiers = {tier: {"n": count.total(), "right": count[True]} for tier, count in sorted(counts.items())}
    command = "python benchmarks/verification.py --calibrate"
    CALIBRATION.write_text(json.dumps({"command": command, "tiers": tiers}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(tiers, indent=1))


def write(
    by_tables: Sequence[tuple[Item, Report]],
    by_passages: Sequence[tuple[Item, Report]],
    by_attack: Sequence[tuple[Item, Report]],
    by_snippets: Sequence[tuple[Snippet, Report]],
    told: dict[str, Any],
) -> None:
    """Write the figures where the documentation reads them."""
    may_refute = {item.text for item in functional(item for item, _ in [*by_tables, *by_passages])}
    groups: dict[str, list[tuple[Item, Report]]] = defaultdict(list)
    for item, report in [*by_tables, *by_attack]:
        if item.group.startswith("attack/"):
            groups[item.group.removeprefix("attack/")].append((item, report))
    plain = [(item, report) for item, report in by_tables if not item.group.startswith("attack/")]
    found = [(item, report) for item, report in plain if any(v.passages for v in report.verdicts)]
    document = {
        "command": "python benchmarks/verification.py",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": {
            "tables, all statements": figures(plain),
            "tables, where they hold a row": figures(found),
            "tables, where they hold a row of a functional relation": figures([p for p in found if p[0].text in may_refute]),
            "passages, all statements": figures(by_passages),
            "passages, functional relations": figures([p for p in by_passages if p[0].text in may_refute]),
        },
        "attacks": {name: figures(pairs) for name, pairs in sorted(groups.items())},
        "reliability": reliability(decided_of(labelled([*by_tables, *by_passages], by_snippets))),
        **told,
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
