"""Figures of audits from what was found about each suspect: AUROC, false alarms, whose fact, and the regression behind them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from emendo.audit.classes import (
    EDITED,
    Calibration,
    checkpoint_probability,
    edit_probability,
    features,
    judge,
    may_be_edit,
    suspicion,
)
from emendo.audit.compare import Comparison, TensorChange
from emendo.audit.finding import Finding
from emendo.audit.subjects import OUTSTANDING, Suspected
from emendo.evaluate.intervals import wilson

RIDGE = 0.05
# Half of the embedded model's layers that are edited here lie above this one.
DEEP = 9


def command_line(script: str) -> str:
    """The command that is running, with files by their names alone."""
    told = (Path(word).name if "/" in word and word[0] != "-" else word for word in sys.argv[1:])
    return shlex.join(["python", f"benchmarks/{script}", *told])


def findings_of(row: dict[str, Any]) -> list[Finding]:
    """The findings of a row."""
    return [Finding(**{**f, "suspected": tuple(Suspected(**s) for s in f["suspected"])}) for f in row["findings"]]


def probability(row: dict[str, Any], calibration: Calibration) -> float:
    """That a checkpoint was edited."""
    return checkpoint_probability(findings_of(row), calibration)


def fit(rows: Sequence[dict[str, Any]]) -> Calibration:
    """The regression on checkpoints, whose odds are the mean of those of their matrices; edits and others count alike."""
    judged = [
        (np.array([features(finding) for finding in findings]), float(row["is_edit"]))
        for row in rows
        if row["suspect"]["family"] != "ft_m" and (findings := [f for f in findings_of(row) if may_be_edit(f)])
    ]
    y = np.array([is_edit for _, is_edit in judged])
    weight = np.where(y == 1, 0.5 / max(1, y.sum()), 0.5 / max(1, (1 - y).sum())) * len(y)

    def loss(w: Any) -> float:
        z = np.array([logsumexp(w[0] + x @ w[1:]) - np.log(len(x)) for x, _ in judged])
        return float((weight * (np.logaddexp(0, z) - y * z)).sum() + RIDGE * (w[1:] ** 2).sum())

    # More prominence, less energy and fewer components can only speak for an edit.
    bounds = [(None, None), (0, None), (None, 0), (0, None)]
    w = minimize(loss, np.array([-5.0, 2.0, -1.0, 1.0]), method="L-BFGS-B", bounds=bounds).x
    return Calibration(
        intercept=float(w[0]),
        weights=tuple(float(v) for v in w[1:]),
        edits=int(y.sum()),
        others=int((1 - y).sum()),
        command="python benchmarks/auditing.py --calibrate",
    )


def summary(rows: Sequence[dict[str, Any]], calibration: Calibration) -> dict[str, Any]:
    """All figures, each with n and interval; p is that of a fit without the family that is tested."""
    families = sorted({_family(row) for row in rows})
    without = {family: fit([row for row in rows if _family(row) != family]) for family in families}
    left_out = {row["suspect"]["name"]: probability(row, without[_family(row)]) for row in rows}
    edits = [row for row in rows if row["is_edit"]]
    plain = [row for row in edits if not row["suspect"]["treatment"]]
    benign = [row for row in rows if not row["is_edit"] and row["suspect"]["family"] != "ft_m"]
    score: Callable[[dict[str, Any]], float] = lambda row: left_out[row["suspect"]["name"]]  # noqa: E731
    strata = sorted({(row["suspect"]["family"], row["suspect"]["treatment"]) for row in rows})
    single = [row for row in plain if len(row["about"]["facts"]) == 1]
    return {
        "auroc": _auroc([score(r) for r in plain], [score(r) for r in benign]),
        "auroc_all_treatments": _auroc([score(r) for r in edits], [score(r) for r in benign]),
        "auroc_by_treatment": {
            treatment: _auroc(
                [score(r) for r in edits if r["suspect"]["treatment"] == treatment], [score(r) for r in benign]
            )
            for treatment in sorted({row["suspect"]["treatment"] for row in edits} - {""})
        },
        "auroc_by_benign": {
            family: _auroc([score(r) for r in plain], [score(r) for r in benign if _family(r) == family])
            for family in sorted({_family(row) for row in benign})
        },
        "baselines": {
            "relative norm": _auroc([_norm(r) for r in plain], [_norm(r) for r in benign]),
            "few tensors changed": _auroc([-r["changed"] for r in plain], [-r["changed"] for r in benign]),
            "top energy share": _auroc([_share(r) for r in plain], [_share(r) for r in benign]),
        },
        "false_alarms": share_of(benign, lambda r: score(r) >= EDITED),
        "greatest_leading_share": {"edits": _leading(plain), "benign changes": _leading(benign)},
        "strata": {
            f"{family} {treatment}".strip(): {
                "called an edit": share_of(_stratum(rows, family, treatment), lambda r: score(r) >= EDITED),
                **located(_stratum(rows, family, treatment), calibration),
            }
            for family, treatment in strata
        },
        "single_edits": {"called an edit": share_of(single, lambda r: score(r) >= EDITED), **located(single, calibration)},
        "batches": [_batch(row, calibration) for row in plain if len(row["about"]["facts"]) > 1],
        "classes": _classes(rows, calibration),
    }


def _family(row: dict[str, Any]) -> str:
    """What is left out together: a method, or adapters and tuning of the same matrices."""
    return f"{row['suspect']['family']} {row['about'].get('modules', '')}".strip()


def _leading(rows: Sequence[dict[str, Any]]) -> float:
    """The greatest share of a matrix's change along the leading directions of the text."""
    return max((f.leading_share or 0.0 for row in rows for f in findings_of(row)), default=0.0)


def _stratum(rows: Sequence[dict[str, Any]], family: str, treatment: str) -> list[dict[str, Any]]:
    return [row for row in rows if (row["suspect"]["family"], row["suspect"]["treatment"]) == (family, treatment)]


def located(rows: Sequence[dict[str, Any]], calibration: Calibration) -> dict[str, Any]:
    """Of edits: whether the likeliest matrix is an edited one, and whether it names a subject."""
    rows = [row for row in rows if row["is_edit"] and row["findings"]]
    if not rows:
        return {}
    right = [likeliest(row, calibration).layer in row["about"]["layers"] for row in rows]
    names = [names_of(row, calibration) for row in rows]
    wanted = [{fact["subject"] for fact in row["about"]["facts"]} for row in rows]
    return {
        "layer": counted(sum(right), len(right)),
        "subject first": counted(sum(n[0] in w for n, w in zip(names, wanted, strict=True) if n), len(rows)),
        "subject of ten": counted(sum(bool(w & set(n)) for n, w in zip(names, wanted, strict=True)), len(rows)),
    }


def likeliest(row: dict[str, Any], calibration: Calibration) -> Finding:
    """The matrix that an audit takes for the edited one."""
    return max(findings_of(row), key=lambda finding: suspicion(finding, calibration))


def names_of(row: dict[str, Any], calibration: Calibration) -> list[str]:
    """The names that an audit lists: of all matrices together, or of the one that feeds written units."""
    best = likeliest(row, calibration)
    together = [] if best.written else row["together"]
    return [name["subject"] for name in together] or [name.subject for name in best.suspected]


def plain_edits(rows: Sequence[dict[str, Any]], calibration: Calibration) -> dict[str, Any]:
    """Of edits of whole strength: whether they are called so, and whom they name; single ones by depth too."""
    single = [row for row in rows if len(row["about"]["facts"]) == 1]
    deep = [row for row in single if max(row["about"]["layers"]) > DEEP]
    return {
        name: {
            "called an edit": share_of(chosen, lambda r: probability(r, calibration) >= EDITED),
            **located(chosen, calibration),
            **_named(chosen),
        }
        for name, chosen in (
            ("single edits", single),
            (f"single edits up to layer {DEEP}", [row for row in single if row not in deep]),
            (f"single edits above layer {DEEP}", deep),
        )
    } | {"batches": [_batch(row, calibration) for row in rows if len(row["about"]["facts"]) > 1]}


def _named(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How often the first name stands out, and is right; how often it is wrong."""
    first = [(row["together"][0] if row["together"] else None, row["about"]["facts"][0]["subject"]) for row in rows]
    named = [(name["subject"] == subject) for name, subject in first if name and name["deviations"] > OUTSTANDING]
    return {
        "stands out, and is right": counted(sum(named), len(rows)),
        "stands out, and is wrong": counted(len(named) - sum(named), len(rows)),
        "nobody stands out": counted(len(rows) - len(named), len(rows)),
    }


def _batch(row: dict[str, Any], calibration: Calibration) -> dict[str, Any]:
    """Of n facts: how many of the first n names are right, and of those that stand out."""
    wanted = {fact["subject"] for fact in row["about"]["facts"]}
    first = [name["subject"] for name in row["together"][: len(wanted)]]
    sure = [name["subject"] for name in row["together"] if name["deviations"] > OUTSTANDING]
    return {
        "name": row["suspect"]["name"],
        "layers": row["about"]["layers"],
        "facts": len(wanted),
        "probability": round(probability(row, calibration), 4),
        "listed": len(first),
        "right": len(wanted & set(first)),
        "outstanding": len(sure),
        "outstanding_right": len(wanted & set(sure)),
    }


def _classes(rows: Sequence[dict[str, Any]], calibration: Calibration) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for row in rows:
        kind = class_of(row, calibration)
        family = row["suspect"]["family"]
        table.setdefault(family, {})[kind] = table.setdefault(family, {}).get(kind, 0) + 1
    return table


def class_of(row: dict[str, Any], calibration: Calibration) -> str:
    """What an audit calls it."""
    changes = [TensorChange(name=str(i), kind="rounded", recipe="x") for i in range(row["rounded"])]
    changes += [TensorChange(name=f["name"], kind="changed") for f in row["findings"]]
    comparison = Comparison(
        tensors=row["tensors"], equal=row["tensors"] - row["changed"], changes=tuple(changes), base_digests={}
    )
    return judge(comparison, findings_of(row), calibration).kind


def short(row: dict[str, Any], calibration: Calibration) -> dict[str, Any]:
    findings = sorted(findings_of(row), key=lambda f: -edit_probability(f, calibration))[:3]
    return {
        "name": row["suspect"]["name"],
        "family": row["suspect"]["family"],
        "treatment": row["suspect"]["treatment"],
        "layers": row["about"].get("layers"),
        "subject": row["about"]["facts"][0]["subject"] if "facts" in row["about"] else None,
        "probability": round(probability(row, calibration), 4),
        "best": [
            {
                "name": f.name, "rank": f.rank, "relative_norm": round(f.relative_norm, 4), "shown_share": round(f.shown_share, 3),
                "energy": None if f.energy is None else round(f.energy, 3), "look": f.look, "prominence": round(f.prominence, 2),
                "suspected": [s.subject for s in f.suspected[:3]],
            }
            for f in findings
        ],
    }  # fmt: skip


def _norm(row: dict[str, Any]) -> float:
    return max((f["relative_norm"] for f in row["findings"]), default=0.0)


def _share(row: dict[str, Any]) -> float:
    return max((f["top_share"] for f in row["findings"]), default=0.0)


def share_of(rows: Sequence[dict[str, Any]], is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Of how many rows something is so."""
    return counted(sum(map(is_so, rows)), len(rows))


def counted(hits: int, n: int) -> dict[str, Any]:
    if n == 0:
        return {"hits": 0, "n": 0}
    interval = wilson(hits, n)
    return {
        "hits": hits,
        "n": n,
        "share": round(interval.estimate, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def _auroc(positive: Sequence[float], negative: Sequence[float]) -> dict[str, Any]:
    """With a bootstrap over checkpoints."""
    if not positive or not negative:
        return {}
    a, b = np.array(positive), np.array(negative)
    generator = np.random.default_rng(0)
    draws = [_rank_statistic(generator.choice(a, len(a)), generator.choice(b, len(b))) for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"estimate": round(_rank_statistic(a, b), 4), "low": round(low, 4), "high": round(high, 4), "n": [len(a), len(b)]}


def _rank_statistic(a: Any, b: Any) -> float:
    return float((a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean())
