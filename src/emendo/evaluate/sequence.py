"""Edits one after another, or batch after batch, on one and the same model: what is still in force, and what became of the model.

Each edit is computed on top of those before it. After 1, 10, 100, … edits the facts taught so far, or a sample of them drawn with
the seed, are measured again at the revision then in force, and plain text is read beside the unedited model (`ability`). A model
whose text has become many times less likely has collapsed; nothing is edited after that. An edit that the guard refuses is left
out, and its fact counts as it is then answered. What was searched is kept, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emendo.edit import Edit, Editor
from emendo.edit.guard import relative_norm
from emendo.errors import InvalidRequest
from emendo.evaluate.ability import Reader
from emendo.evaluate.cases import Case, CaseSet
from emendo.evaluate.metrics import Figure, figures
from emendo.evaluate.observation import observe
from emendo.models import ORIGINAL, EditableModel, Revision

COLLAPSED = 10.0
POINTS = (1, 10, 100, 1000)
_OBSERVED_AT_ONCE = 20


@dataclass(frozen=True, kw_only=True)
class SequencePoint:
    """A model after some edits.

    Attributes:
        edits: That were made so far, those that were refused included.
        refused: How many of them the guard refused.
        refusal: Why the last of these was; empty where none was.
        figures: On the facts taught so far.
        perplexity_ratio: Of plain text, to that of the unedited model.
        perplexity_interval: Its 95 % interval.
        seconds_an_edit: Mean since the last point; a search that was kept counts with what it took once.
        relative_norm: Largest ‖Δ‖ / ‖W‖ of all edits together.
        collapsed: Whether the text has become ten times less likely, or impossible.
    """

    edits: int
    refused: int
    refusal: str
    figures: tuple[Figure, ...]
    perplexity_ratio: float
    perplexity_interval: tuple[float, float]
    seconds_an_edit: float
    relative_norm: float
    collapsed: bool

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SequencePoint:
        """A point as a document holds it."""
        figures = tuple(Figure(**figure) for figure in fields["figures"])
        low, high = fields["perplexity_interval"]
        return cls(**{**fields, "figures": figures, "perplexity_interval": (low, high)})


def edit_in_sequence(
    model: EditableModel,
    cases: CaseSet,
    *,
    method: str,
    text: str,
    config: Mapping[str, Any] | None = None,
    batch: int = 1,
    points: Sequence[int] = POINTS,
    measured: int = 100,
    windows: int = 32,
    corpus: str = "python",
    seed: int = 0,
    home: Path | None = None,
    known: Sequence[SequencePoint] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[SequencePoint]:
    """The points of a sequence of edits, each as soon as it is measured.

    Args:
        model: The model to edit; its weights stay as they are.
        cases: What is taught, in this order.
        method: Name of the editing method.
        text: Plain text, for the perplexity.
        config: Settings that differ from those measured for the model.
        batch: Requests that are solved together.
        points: After how many edits is measured, when the batch that reaches so many is done; those beyond the number of cases are
            left out, and their number is one.
        measured: Most facts that are measured at a point.
        windows: Of the text.
        corpus: Text for the second moment.
        seed: Of everything random.
        home: Where statistics are kept.
        known: Points that were measured before, that rest on the same, see `basis_of`.
        progress: Called with a stage, how much of it is done, and of how much.

    Raises:
        InvalidRequest: The batch holds no request, or a point comes before the first edit.
    """
    if batch < 1:
        raise InvalidRequest(f"A batch of {batch} holds no request; give at least 1.")
    if min(points, default=1) < 1:
        raise InvalidRequest(f"After {min(points)} edits there is nothing to measure; give at least 1.")
    report = progress or (lambda stage, done, total: None)
    wholes = (-(-point // batch) * batch for point in points)
    ends = sorted({end for end in wholes if end < len(cases.cases)} | {len(cases.cases)})
    before = {point.edits: point for point in known}
    collapse = min((point.edits for point in known if point.collapsed), default=ends[-1])
    ends = [end for end in ends if end <= collapse]
    last = max((end for end in ends if end not in before), default=0)
    if last == 0:
        yield from (before[end] for end in ends)
        return
    reader = Reader(model, text, windows=windows)
    editor = Editor(model, method=method, config=config, corpus=corpus, seed=seed, home=home, keep_values=True)
    done = 0
    refusals: list[str] = []
    for end in ends:
        started, first = time.perf_counter() + editor.spared, done
        while done < min(end, last):
            part = cases.cases[done : min(done + batch, end)]
            (edit,) = editor.compute([[request for case in part for request in case.requests]])
            if isinstance(edit, Edit):
                editor.commit(edit)
            else:
                refusals += [str(edit)] * len(part)
            done += len(part)
            report(f"{method}: edits", done, len(cases.cases))
        if end in before:
            yield before[end]
            continue
        seconds = (time.perf_counter() + editor.spared - started) / (done - first)
        point = _measured(model, reader, editor.revision, cases.cases[:done], measured, seed, refusals, seconds, report)
        yield point
        if point.collapsed:
            return


def _measured(
    model: EditableModel,
    reader: Reader,
    revision: Revision,
    taught: Sequence[Case],
    most: int,
    seed: int,
    refusals: Sequence[str],
    seconds: float,
    report: Callable[[str, int, int], None],
) -> SequencePoint:
    drawn = random.Random(seed).sample(range(len(taught)), min(most, len(taught)))  # noqa: S311 - a reproducible draw, no secret
    chosen = [taught[i] for i in sorted(drawn)]
    before, after = [], []
    for start in range(0, len(chosen), _OBSERVED_AT_ONCE):
        part = chosen[start : start + _OBSERVED_AT_ONCE]
        seen = observe(model, [(case, at) for at in (ORIGINAL, revision) for case in part])
        before += seen[: len(part)]
        after += seen[len(part) :]
        report("asking what was taught", len(after), len(chosen))
    read = reader.read(revision)
    return SequencePoint(
        edits=len(taught),
        refused=len(refusals),
        refusal=refusals[-1] if refusals else "",
        figures=figures(after, before, seed=seed),
        perplexity_ratio=read.ratio.estimate,
        perplexity_interval=(read.ratio.low, read.ratio.high),
        seconds_an_edit=seconds,
        relative_norm=relative_norm(model, revision.changes),
        # A perplexity that is not a number compares with nothing.
        collapsed=not read.ratio.estimate < COLLAPSED,
    )
