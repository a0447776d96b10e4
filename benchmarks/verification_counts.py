"""What verdicts come to: shares with their intervals, and how sure they were beside how many were right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from verification_statements import Item

from emendo.evaluate.intervals import wilson
from emendo.verify import Report, Verdict


def share(successes: int, n: int) -> list[float] | None:
    """A share with its interval; None where there is nothing to count."""
    if not n:
        return None
    interval = wilson(successes, n)
    return [round(value, 4) for value in (interval.estimate, interval.low, interval.high)]


def label(report: Report) -> str:
    """What a statement comes to: refuted if any claim of it is, supported if all are, else undecided."""
    labels = [verdict.label for verdict in report.verdicts if verdict.label != "not_checkable"]
    if "refuted" in labels:
        return "refuted"
    return "supported" if labels and set(labels) == {"supported"} else "undecided"


def figures(judged: Sequence[tuple[Item, Report]]) -> dict[str, Any]:
    """Precision, recall, false alarms and coverage with their intervals."""
    rows = [(item.is_true, label(report)) for item, report in judged]
    counts = Counter(rows)
    false, true = sum(not is_true for is_true, _ in rows), sum(is_true for is_true, _ in rows)
    refuted = counts[False, "refuted"] + counts[True, "refuted"]
    decided = sum(said != "undecided" for _, said in rows)
    return {
        "n": len(rows),
        "precision of refuted": share(counts[False, "refuted"], refuted),
        "recall of refuted": share(counts[False, "refuted"], false),
        "false alarms": share(counts[True, "refuted"], true),
        "false called supported": share(counts[False, "supported"], false),
        "true called supported": share(counts[True, "supported"], true),
        "coverage": share(decided, len(rows)),
    }


def reliability(decided: Sequence[tuple[Verdict, bool]]) -> dict[str, Any]:
    """How sure the decided verdicts were and how many were right, by how sure they were; and the expected calibration error."""
    bins: dict[float, list[tuple[float, bool]]] = defaultdict(list)
    for verdict, is_right in decided:
        assert verdict.confidence is not None
        bins[min(0.95, int(verdict.confidence * 20) / 20)].append((verdict.confidence, is_right))
    total = sum(map(len, bins.values()))
    rows = []
    for start, held in sorted(bins.items()):
        sure = sum(confidence for confidence, _ in held) / len(held)
        rows.append(
            {"from": start, "n": len(held), "mean": round(sure, 4), "right": share(sum(r for _, r in held), len(held))}
        )
    error = sum(row["n"] / total * abs(row["mean"] - row["right"][0]) for row in rows)
    return {"n": total, "bins": rows, "expected calibration error": round(error, 4)}
