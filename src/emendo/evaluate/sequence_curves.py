"""The curves of a sequence, one for each method and size of a batch: pieces that do not see each other, for a crew to compute.

In this process each point is told as soon as it is measured; workers give a whole curve. What they searched is kept either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emendo.edit import Editor
from emendo.edit.settings import from_json
from emendo.evaluate.cases import Case, CaseSet
from emendo.evaluate.sequence import SequencePoint, edit_in_sequence
from emendo.home import default_home
from emendo.models import EditableModel, load_again, loaded_from
from emendo.pieces import Crew, Work, run_pieces

Told = Callable[[int, SequencePoint], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What is done to the model again and again.

    Attributes:
        method: Name of the editing method.
        batch: Requests that are solved together.
        config: Settings that differ from those measured for the model.
        known: Points that were measured before.
    """

    method: str
    batch: int
    config: Mapping[str, Any]
    known: tuple[SequencePoint, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What all curves share, as a worker has it.

    Attributes:
        model: The model to edit.
        cases: What is taught.
        settings: The other arguments of `edit_in_sequence`, as JSON.
        home: Where statistics and searches are kept.
        told: Called with the number of a curve and each of its points.
        progress: Called with a stage, how much of it is done, and of how much.
    """

    model: EditableModel
    cases: CaseSet
    settings: Mapping[str, Any]
    home: Path
    told: Told = lambda at, point: None
    progress: Progress = lambda stage, done, total: None


def measure_curves(
    model: EditableModel,
    cases: CaseSet,
    curves: Sequence[Curve],
    *,
    crew: Crew,
    told: Told,
    corpus: str = "python",
    seed: int = 0,
    home: Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> None:
    """Measure the points of some curves, and tell each of them once.

    Args:
        model: The model to edit; its weights stay as they are.
        cases: What is taught, in this order.
        curves: What to measure.
        crew: Who computes; a worker computes one curve at a time.
        told: Called with the number of a curve and each of its points, in their order.
        corpus: Text for the second moment.
        seed: Of everything random.
        home: Where statistics and searches are kept.
        progress: Called with a stage, how much of it is done, and of how much.
        settings: The others of `edit_in_sequence`.

    Raises:
        InvalidRequest: A batch holds no request, or other processes cannot compute this.
        PieceFailed: A curve ended its worker every time.
    """
    report, home = progress or (lambda stage, done, total: None), home or default_home()
    settings = {**settings, "corpus": str(Path(corpus).resolve()) if Path(corpus).is_file() else corpus, "seed": seed}
    if not crew.is_here:
        for curve in curves:
            # Statistics are gathered once, not by each worker.
            Editor(
                model,
                method=curve.method,
                config=curve.config,
                corpus=corpus,
                seed=seed,
                home=home,
                crew=crew,
                progress=report,
            )
    work = Work(
        prepare="emendo.evaluate.sequence_curves:prepare",
        compute="emendo.evaluate.sequence_curves:compute",
        shared={"model": model.digest, "settings": settings},
        where={} if crew.is_here else {"source": loaded_from(model), "home": str(home.resolve()), "cases": asdict(cases)},
        threads=crew.threads,
    )
    here = Ground(model=model, cases=cases, settings=settings, home=home, told=told, progress=report)
    pieces = [{"number": at, **asdict(curve)} for at, curve in enumerate(curves)]
    with closing(run_pieces(work, pieces, None, crew, context=here, progress=partial(report, "curves"))) as measured:
        for at, points in enumerate(measured):
            if not crew.is_here:
                for fields in points:
                    told(at, SequencePoint.from_dict(fields))


def prepare(shared: Mapping[str, Any], where: Mapping[str, Any]) -> Ground:
    """The ground of a worker."""
    cases = CaseSet(**{**where["cases"], "cases": tuple(map(Case.from_dict, where["cases"]["cases"]))})
    model = load_again(where["source"], shared["model"])
    return Ground(model=model, cases=cases, settings=shared["settings"], home=Path(where["home"]))


def compute(ground: Ground, piece: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The points of a curve."""
    points = []
    for point in edit_in_sequence(
        ground.model,
        ground.cases,
        method=piece["method"],
        batch=piece["batch"],
        config=from_json(piece["config"]),
        known=[SequencePoint.from_dict(fields) for fields in piece["known"]],
        home=ground.home,
        progress=ground.progress,
        **ground.settings,
    ):
        ground.told(piece["number"], point)
        points.append(asdict(point))
    return points
