"""Choose layers and settings for a model by measuring: a handful of facts that it knows, edited with each candidate.

Where tracing peaks does not tell where editing works (Hase et al. 2023), and published settings differ many times over for one and
the same model. So candidates are scored by what the edited model then says:

    merit = harmonic mean of score S, generation as a completion, and generation in chat,

the smaller relative norm deciding between equals. Layers come first, then each setting at the best layers, one after another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emendo.edit import METHODS
from emendo.edit.layers import config_of, in_turns, profile_path
from emendo.errors import InvalidRequest
from emendo.evaluate.cases import CaseSet
from emendo.evaluate.report import Report
from emendo.evaluate.runner import Trial, evaluate_each
from emendo.evaluate.scoring import TargetAfter, score_targets
from emendo.models import ORIGINAL, EditableModel, encode, target_ids
from emendo.pieces import Crew

_MEASURES = ("score", "generation_completion", "generation_chat")
_SHOWN = (*_MEASURES, "efficacy_probability", "paraphrase_probability", "neighborhood_probability")
# Candidates by relative depth; published layers lie between a tenth and a half.
_DEPTHS = (0.1, 0.2, 0.3, 0.4, 0.5)
_LATE_DEPTHS = (0.6, 0.7, 0.8, 0.9)
_SECOND_STEPS = (0.1, 0.2, 0.3)
_RANGE = 2


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One choice of layers and settings, and what came of it.

    Attributes:
        settings: What differs from the method's defaults, layers included.
        merit: As the module says.
        figures: Measures by name.
        relative_norm: Median ‖Δ‖ / ‖W‖; None where every edit was refused.
        refused: Edits that the guard refused.
        seconds: An edit.
    """

    settings: Mapping[str, Any]
    merit: float
    figures: Mapping[str, float]
    relative_norm: float | None
    refused: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A sweep.

    Attributes:
        model: Name of the model.
        digest: Of its weights.
        method: Name of the method.
        n: Facts that were edited with each candidate.
        candidates: In the order in which they were tried.
        best: The one to use.
    """

    model: str
    digest: str
    method: str
    n: int
    candidates: tuple[Candidate, ...]
    best: Candidate

    def to_dict(self) -> dict[str, Any]:
        """The sweep as JSON takes it."""
        rows = [vars(candidate) for candidate in self.candidates]
        shared = {"model": self.model, "digest": self.digest, "method": self.method, "n": self.n}
        return {**shared, "best": vars(self.best), "candidates": rows}


def known_cases(model: EditableModel, cases: CaseSet, n: int) -> CaseSet:
    """The n cases whose true target the model finds likeliest, those first whose every token is its first choice."""
    queries = [
        TargetAfter(
            prompt=tuple(encode(model, case.request.fact.text)),
            target=tuple(target_ids(model, case.request.fact.target_true or case.rival)),
            revision=ORIGINAL,
        )
        for case in cases.cases
    ]
    scores = score_targets(model, queries)
    order = sorted(range(len(scores)), key=lambda i: (not scores[i].is_argmax, scores[i].nll))
    return replace(cases, cases=tuple(cases.cases[i] for i in sorted(order[:n])))


def probe(
    model: EditableModel,
    cases: CaseSet,
    *,
    method: str,
    layers: Sequence[tuple[int, ...]] = (),
    variations: Mapping[str, Sequence[Any]] = {},
    corpus: str = "python",
    seed: int = 0,
    work: Path | None = None,
    home: Path | None = None,
    executor: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Probe:
    """What a sweep found.

    Args:
        model: The model.
        cases: What is edited with each candidate.
        method: Name of the method.
        layers: Candidates; by the method's kind and the model's depth unless given.
        variations: Values to try of some settings, by name.
        corpus: Text for the second moment.
        seed: Of the edits.
        work: Folder that keeps what is measured; give it again to resume.
        home: Where statistics are kept.
        executor: Who computes, as `evaluate` takes it; candidates that do not wait for each other are measured at once.
        workers: How many groups of facts are computed at a time.
        threads: Of torch in each worker.
        progress: Called with a stage, how much of it is done, and of how much.
    """
    report = progress or (lambda stage, done, total: None)
    crew = Crew.of(executor, workers, threads)
    tried: list[Candidate] = []

    def measure(choices: Sequence[dict[str, Any]], of: int) -> None:
        known = [candidate.settings for candidate in tried]
        fresh = [choice for at, choice in enumerate(choices) if choice not in [*known, *choices[:at]]]
        report("candidates", len(tried), max(of, len(tried) + len(fresh)))
        trials = [Trial(method=method, config=config_of(method, METHODS.get(method), choice)) for choice in fresh]
        found = evaluate_each(
            model, cases, trials, corpus=corpus, seed=seed, crew=crew, work=work, home=home, progress=report
        )
        tried.extend(map(_candidate, fresh, found.reports))

    span = METHODS.get(method).LAYERS
    first = list(layers) or first_layers(model, span)
    measure([{"layers": choice} for choice in first], len(first))
    if span == "pair" and not layers:
        (best,) = _best(tried).settings["layers"]
        measure([{"layers": choice} for choice in second_layers(model, best)], len(first) + len(_SECOND_STEPS))
    for name, values in variations.items():
        base = dict(_best(tried).settings)
        measure([{**base, name: value} for value in values], len(tried) + len(values))
    report("candidates", len(tried), len(tried))
    return Probe(
        model=model.name,
        digest=model.digest,
        method=method,
        n=len(cases.cases),
        candidates=tuple(tried),
        best=_best(tried),
    )


def first_layers(model: EditableModel, span: str) -> list[tuple[int, ...]]:
    """Candidates for a method's kind of layers."""
    top = model.n_layers - 1
    if span == "all":
        return [tuple(range(model.n_layers))]
    middles = list(dict.fromkeys(round(depth * top) for depth in (_LATE_DEPTHS if span == "late" else _DEPTHS)))
    if span in ("range", "turns"):
        ranges = [in_turns(max(0, m - _RANGE), m, min(top, m + _RANGE)) for m in middles]
        return ranges if span == "turns" else [tuple(sorted(layers)) for layers in ranges]
    return [(middle,) for middle in middles]


def second_layers(model: EditableModel, first: int) -> list[tuple[int, ...]]:
    """Pairs of a first layer with later ones."""
    top = model.n_layers - 1
    others = dict.fromkeys(min(top, first + max(1, round(step * top))) for step in _SECOND_STEPS)
    return [(first, other) for other in others if other > first]


def store_profile(found: Probe, model: EditableModel, home: Path) -> Path:
    """Keep the best candidate as the profile of this very model, which `Editor` reads.

    Raises:
        InvalidRequest: No candidate changed what the model says.
    """
    if found.best.merit == 0:
        raise InvalidRequest(
            f"No candidate made {model.name} say what it was taught, so nothing was stored; try other layers with --layers, "
            "or settings with --try."
        )
    path = profile_path(model, home)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept[found.method] = {
        "settings": {key: list(v) if isinstance(v, tuple) else v for key, v in found.best.settings.items()},
        "model": found.model,
        "measured": {"n": found.n, "merit": found.best.merit, "candidates": len(found.candidates)},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def _best(tried: Sequence[Candidate]) -> Candidate:
    return max(tried, key=lambda candidate: (candidate.merit, -(candidate.relative_norm or 0.0)))


def _candidate(settings: Mapping[str, Any], found: Report) -> Candidate:
    figures = {figure.name: figure.estimate for figure in found.edited if figure.name in _SHOWN}
    values = [figures.get(name, 0.0) for name in _MEASURES]
    return Candidate(
        settings=settings,
        merit=len(values) / sum(1 / value for value in values) if all(values) else 0.0,
        figures=figures,
        relative_norm=found.edit_medians.get("relative_norm"),
        refused=found.refused,
        seconds=found.seconds_editing / found.n,
    )
