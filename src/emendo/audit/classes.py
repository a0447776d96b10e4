"""What kind of change it is, with evidence and a probability.

Equality and rounding are proved by replay. For the rest, one question is answered by a number: is there a matrix that was changed
for a name? A logistic regression over what findings show,

    odds = exp(b + w · x),      x = (log prominence, log q, share of the energy in few components)

for down-projections, which is where closed-form edits write. The odds of a checkpoint are the *mean* of those of its changed
down-projections: one of them was edited, and before looking any may have been it. (The greatest odds alone would grow with the
number of matrices, and thirty that an adapter changed are thirty occasions to look like an edit by chance.) It is fitted in this
form by `benchmarks/auditing.py` on changes that it made itself, and kept in ``calibration.json`` with n and command. An edit may
also be written into hidden units, before the down-projection; that shows in a step between the rows of a few units and all others
(`written_units`), and no regression is needed. Where the probability is low, the rest is told apart by rank: an adapter has few
components and nothing else, tuning has all, and noise has none that stands out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from statistics import median
from typing import Literal

from emendo.audit.compare import Comparison
from emendo.audit.finding import MOST_LEADING, Finding
from emendo.audit.spectrum import COMPONENTS

Class = Literal[
    "untouched",
    "storage noise",
    "pruning",
    "low-rank adapter",
    "fine-tuning",
    "closed-form edit",
    "rewritten hidden units",
    "unknown",
]
# At this probability none of the benign changes of the benchmark is called an edit, their own family left out of the fit.
EDITED = 0.75
EDITS: tuple[Class, ...] = ("closed-form edit", "rewritten hidden units")
# Of written units; at even odds before, l / (l + h): at least l of the edits in hidden units are called so, at most h of the
# trainings (ends of 95 % intervals in docs/results/auditing_hidden_units.json).
WRITTEN = 0.832
_ADAPTER_SHARE = 0.98
_BOUND = 500.0
_FEW = 8


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A fitted regression.

    Attributes:
        intercept: b.
        weights: w.
        edits: Checkpoints with edits that it was fitted on.
        others: Checkpoints without.
        command: What fitted it.
    """

    intercept: float
    weights: tuple[float, ...]
    edits: int
    others: int
    command: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A class with its reasons.

    Attributes:
        kind: The class.
        probability: Of that class; 1 where it is proved, 0 for an unknown one.
        edit_probability: That some matrix was edited in closed form.
        evidence: Sentences.
    """

    kind: Class
    probability: float
    edit_probability: float
    evidence: tuple[str, ...]


def shipped_calibration() -> Calibration:
    """The regression that comes with the package."""
    row = json.loads(files("emendo.audit").joinpath("calibration.json").read_text(encoding="utf-8"))
    return Calibration(
        intercept=row["intercept"],
        weights=tuple(row["weights"]),
        edits=row["edits"],
        others=row["others"],
        command=row["command"],
    )


def features(finding: Finding) -> tuple[float, float, float]:
    """x of a finding whose inputs were read."""
    assert finding.energy is not None
    return (
        math.log(max(finding.prominence, 1.0)),
        math.log(max(finding.energy, 1e-3)),
        finding.shown_share if finding.rank <= _FEW else 0.0,
    )


def edit_probability(finding: Finding, calibration: Calibration) -> float:
    """That of a matrix, were it the only one; 0 where nothing stands out of the noise, or where closed-form edits do not write."""
    return checkpoint_probability([finding], calibration)


def likeliness(finding: Finding, calibration: Calibration) -> float:
    """How likely a matrix was edited, in either way."""
    return WRITTEN if finding.written else edit_probability(finding, calibration)


def suspicion(finding: Finding, calibration: Calibration) -> tuple[bool, float, float]:
    """What matrices are ordered by: those that feed written units first, and of these the one changed most, which opens them."""
    is_written = bool(finding.written)
    return is_written, likeliness(finding, calibration), finding.relative_norm if is_written else finding.prominence


def checkpoint_probability(findings: Sequence[Finding], calibration: Calibration) -> float:
    """That one of the matrices of a checkpoint was edited in closed form."""
    odds = [math.exp(min(_BOUND, _log_odds(finding, calibration))) for finding in findings if may_be_edit(finding)]
    mean = sum(odds) / len(odds) if odds else 0.0
    return mean / (1 + mean)


def may_be_edit(finding: Finding) -> bool:
    """Whether something stands out of the noise, where closed-form edits write."""
    return finding.energy is not None and finding.rank > 0 and finding.is_down_projection


def _log_odds(finding: Finding, calibration: Calibration) -> float:
    return calibration.intercept + sum(w * x for w, x in zip(calibration.weights, features(finding), strict=True))


def judge(comparison: Comparison, findings: Sequence[Finding], calibration: Calibration) -> Judgement:
    """The class of a checkpoint.

    Args:
        comparison: With the base.
        findings: Of its changed matrices.
        calibration: The regression.
    """
    if not comparison.changes:
        return _proved("untouched", "Every tensor is equal to the base's, to the bit.")
    rounded, pruned, rearranged = comparison.of("rounded"), comparison.of("pruned"), comparison.of("rearranged")
    if len(rounded) == len(comparison.changes):
        return _proved(
            "storage noise",
            f"All {len(rounded)} tensors that differ are the base's, rounded to {_recipes(comparison)}: repeated and equal.",
        )
    if len(rounded) + len(pruned) == len(comparison.changes):
        return _proved("pruning", *_pruned(comparison), "Nothing else was changed but by rounding.")
    if len(rounded) + len(pruned) + len(rearranged) == len(comparison.changes):
        # That orders and scales of a block belong together is not proved, and nobody shuffles units by accident.
        return _unknown(*_rearranged(comparison), "Nothing else was changed.")
    if not findings:
        others = len(comparison.changes) - len(rounded) - len(pruned) - len(rearranged)
        return _unknown(f"{others} tensors differ, none of them a matrix that can be compared.")
    best = max(findings, key=lambda finding: suspicion(finding, calibration))
    p = checkpoint_probability(findings, calibration)
    evidence = _evidence(comparison, findings, best)
    if best.written:
        return Judgement(
            kind="rewritten hidden units", probability=WRITTEN, edit_probability=max(p, WRITTEN), evidence=evidence
        )
    if p >= EDITED:
        return Judgement(kind="closed-form edit", probability=p, edit_probability=p, evidence=evidence)
    kind = _without_edit(comparison, findings)
    if kind == "low-rank adapter" and all(finding.energy is None for finding in findings):
        return _unknown(*evidence, "Only a running model could tell an adapter from an edit, and none was run.")
    return Judgement(kind=kind, probability=1 - p, edit_probability=p, evidence=evidence)


def _unknown(*evidence: str) -> Judgement:
    return Judgement(kind="unknown", probability=0.0, edit_probability=0.0, evidence=evidence)


def _without_edit(comparison: Comparison, findings: Sequence[Finding]) -> Class:
    if comparison.of("reshaped") or comparison.of("removed"):
        return "unknown"
    if all(finding.rank == 0 for finding in findings):
        return "storage noise"
    shown, rank = median(f.shown_share for f in findings), median(f.rank for f in findings)
    if rank < COMPONENTS and shown >= _ADAPTER_SHARE:
        return "low-rank adapter"
    # An adapter of rank 64 and a dense change both fill what is computed; only the adapter leaves nothing over.
    return "low-rank adapter" if shown >= 1 - (1 - _ADAPTER_SHARE) / 10 else "fine-tuning"


def _evidence(comparison: Comparison, findings: Sequence[Finding], best: Finding) -> tuple[str, ...]:
    sentences = [
        f"{len(findings)} {'matrix was' if len(findings) == 1 else 'matrices were'} changed, {comparison.equal} of "
        f"{comparison.tensors} tensors are equal to the bit"
        + (
            f", {len(comparison.of('rounded'))} were only rounded to {_recipes(comparison)}."
            if comparison.of("rounded")
            else "."
        ),
        *_pruned(comparison),
        *_rearranged(comparison),
        f"{best.name}: ‖ΔW‖/‖W‖ {best.relative_norm:.3f}; {_rank(best.rank)} of the noise, with {best.shown_share:.1%} of the "
        f"energy; the first is {best.top_share:.1%} of it.",
    ]
    if best.written:
        sentences.append(
            f"It is in {_units(best.written)} of the MLP, changed at least {best.step:,.0f} times as much as any other unit: "
            "training and adapters change units by degrees."
        )
    if best.leading_share is not None and best.leading_share > MOST_LEADING:
        sentences.append(
            f"{best.leading_share:.0%} of its energy lies where every text has most: that would drown an edit, so only the "
            "rest was looked at."
        )
    if best.energy is not None and not best.written:
        sentences.append(
            f"Along its input directions text has {best.energy:.2f} times the energy of an average direction: trained changes lie "
            "where text has much, closed-form ones where it has little."
        )
    if best.suspected:
        first = best.suspected[0]
        sentences.append(
            f"It answers to “{first.subject}” {first.deviations:.0f} deviations away from the median name; about 5 are chance."
        )
    return tuple(sentences)


def _units(count: int) -> str:
    return "one hidden unit" if count == 1 else f"{count} hidden units"


def _rank(rank: int) -> str:
    if rank == 1:
        return "1 component stands out"
    return f"{rank} {'or more ' if rank == COMPONENTS else ''}components stand out"


def _recipes(comparison: Comparison) -> str:
    return " or ".join(sorted({str(change.recipe) for change in comparison.of("rounded")}))


def _pruned(comparison: Comparison) -> tuple[str, ...]:
    """A sentence, if elements were set to zero and nothing else was done to their tensors."""
    count = len(comparison.of("pruned"))
    tensors = "1 tensor differs" if count == 1 else f"{count} tensors differ"
    told = f"{tensors} by zeros alone: pruning takes out what a model knew, and writes nothing."
    return (told,) if count else ()


def _rearranged(comparison: Comparison) -> tuple[str, ...]:
    """A sentence, if hidden units stand elsewhere."""
    names = list(comparison.arrangements)
    blocks = sorted({name.rpartition(".")[0].rpartition(".")[0] for name in names})
    where = f"{' and '.join(blocks[:_FEW])}{' and others' if len(blocks) > _FEW else ''}"
    told = (
        f"The hidden units of {where} stand elsewhere than in the base ({len(names)} tensors), which may compute the same and "
        "can hide a change: they were put back before comparing."
    )
    return (told,) if names else ()


def _proved(kind: Class, *evidence: str) -> Judgement:
    return Judgement(kind=kind, probability=1.0, edit_probability=0.0, evidence=evidence)
