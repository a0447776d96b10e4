"""What the stages compute in pieces, on a model so small that a worker's start takes the longest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from emendo.edit import METHODS, Corpus, second_moments
from emendo.evaluate import Case, CaseSet, Report, evaluate
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel
from emendo.pieces import Crew

PLACES = {"France": "Paris", "California": "Sacramento", "Texas": "Austin", "Germany": "Berlin"}
SETTINGS = METHODS.get("rome").Config(layers=(1,), formats=("completion",), steps=3)


def cases() -> CaseSet:
    """Four places, each moved to Los Angeles."""
    every = tuple(
        Case(
            id=place,
            request=EditRequest(
                fact=Fact(subject=place, prompt="The capital of {} is", target_true=capital),
                target_new="Los Angeles",
                id=place,
            ),
            rival=capital,
        )
        for place, capital in PLACES.items()
    )
    return CaseSet(benchmark="places", version="1", file="places.json", digest="0" * 64, split="all", seed=0, cases=every)


def report(model: EditableModel, home: Path, crew: Crew, work: Path | None = None) -> Report:
    """Of ROME on the four places, one at a time, without the time it took."""
    text = home / "text.txt"
    if not text.is_file():
        home.mkdir(parents=True, exist_ok=True)
        text.write_text("The capital of France is Paris, said the old man in the city of Los Angeles. " * 300)
    found = evaluate(
        model,
        cases(),
        method="rome",
        config=SETTINGS,
        corpus=str(text),
        group=1,
        work=work,
        home=home,
        executor=crew.executor,
        workers=crew.workers,
        threads=crew.threads,
    )
    return replace(found, seconds_editing=0.0, seconds_scoring=0.0, edit_medians=_timeless(found), config=_placeless(found))


def moments(model: EditableModel, home: Path | None, crew: Crew, stop_at: int | None = None) -> dict[int, torch.Tensor]:
    """Of layers 0 and 2 over three slices."""
    ids = torch.randint(3, 400, (9000,), generator=torch.Generator().manual_seed(0)).tolist()

    def stop(done: int, total: int) -> None:
        if stop_at is not None and done >= stop_at:
            raise KeyboardInterrupt

    found = second_moments(
        model, [0, 2], Corpus(name="random", ids=tuple(ids)), tokens=9000, home=home, crew=crew, progress=stop
    )
    return {layer: moment.matrix for layer, moment in found.items()}


def _timeless(found: Report) -> dict[str, float]:
    return {name: value for name, value in found.edit_medians.items() if name != "seconds"}


def _placeless(found: Report) -> dict[str, object]:
    return {name: value for name, value in found.config.items() if name != "corpus"}
