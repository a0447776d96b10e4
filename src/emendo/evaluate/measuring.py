"""A group of cases as a piece of work: edited, each by itself, and observed, by whichever process computes it.

There are two kinds of pieces. One without a treatment is what the model says as it is, and serves every method; one with a
treatment is what it says with each case's own edit, or with what is told it before each prompt. The edits of a group are
optimised in one batch, and all its prompts run in shared batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emendo.edit import METHODS, Edit, Editor
from emendo.edit.settings import from_json
from emendo.errors import DataUnavailable, EditRefused
from emendo.evaluate.cases import Case
from emendo.evaluate.observation import Observation, Recall, observe
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, EditableModel, load_again
from emendo.registry import Registry

Compute = Callable[[Sequence[Sequence[EditRequest]]], Sequence[Edit | EditRefused]]

ANSWERING = Registry("emendo.evaluate.answering", "answering strategy")


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What was seen of one case with its edit.

    Attributes:
        id: Of the case.
        edited: With the case's edit; as unedited where the edit was refused.
        refused: Why the guard refused the edit, if it did.
        layers: That the edit changed.
        figures: Of the edit itself: norms, steps, perplexity of unrelated text.
        seconds_editing: The case's share of the time its group took to edit.
        seconds_scoring: The case's share of the time its group took to measure.
    """

    id: str
    edited: Observation
    refused: str | None
    layers: tuple[int, ...]
    figures: Mapping[str, float]
    seconds_editing: float
    seconds_scoring: float

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> CaseResult:
        """The result that `dataclasses.asdict` wrote."""
        return cls(
            **{**fields, "edited": Observation.from_dict(fields["edited"]), "layers": tuple(fields["layers"])},
        )


class Bench:
    """A model with what a treatment needs, to measure groups of cases.

    Args:
        model: The model; its weights stay as they are.
        requests: Of all cases, which some ways of answering choose from.
        home: Where statistics are kept.
        treatment: One whose edits can be computed already.
        compute: Computes them.
    """

    def __init__(
        self,
        model: EditableModel,
        requests: Sequence[EditRequest],
        home: Path,
        treatment: Mapping[str, Any] | None = None,
        compute: Compute | None = None,
    ) -> None:
        self.model, self.requests, self.home = model, requests, home
        self._treatment, self._compute = treatment, compute

    def observe(self, cases: Sequence[Case]) -> dict[str, Any]:
        """What the model says of some cases as it is, and how long that took."""
        began = time.perf_counter()
        seen = observe(self.model, [(case, ORIGINAL) for case in cases])
        return {"observations": [asdict(sight) for sight in seen], "seconds": time.perf_counter() - began}

    def treat(self, cases: Sequence[Case], treatment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A `CaseResult` of each case, as a dictionary."""
        began = time.perf_counter()
        is_told = treatment["method"] in ANSWERING.names()
        edits: Sequence[Edit | EditRefused | None] = [None] * len(cases)
        if not is_told:
            edits = self._computer(treatment)([case.requests for case in cases])
        edited = time.perf_counter()
        revisions = [ORIGINAL.plus(edit.delta) if isinstance(edit, Edit) else ORIGINAL for edit in edits]
        seen = observe(self.model, list(zip(cases, revisions, strict=True)), *self._recall(treatment, is_told))
        scored = time.perf_counter()
        results = [
            CaseResult(
                id=case.id,
                edited=sight,
                refused=str(edit) if isinstance(edit, EditRefused) else None,
                layers=edit.layers if isinstance(edit, Edit) else (),
                figures=edit.figures if isinstance(edit, Edit) else {},
                seconds_editing=(edited - began) / len(cases),
                seconds_scoring=(scored - edited) / len(cases),
            )
            for case, edit, sight in zip(cases, edits, seen, strict=True)
        ]
        return [asdict(result) for result in results]

    def _recall(self, treatment: Mapping[str, Any], is_told: bool) -> list[Recall]:
        return [ANSWERING.get(treatment["method"]).recaller(self.requests)] if is_told else []

    def _computer(self, treatment: Mapping[str, Any]) -> Compute:
        """What computes the edits of a treatment; that of the latest one is kept."""
        if self._compute is None or self._treatment != treatment:
            settings = from_json(treatment["config"])
            editor = Editor(
                self.model,
                method=treatment["method"],
                config=METHODS.get(treatment["method"]).Config(**settings),
                corpus=treatment["corpus"],
                seed=treatment["seed"],
                home=self.home,
            )
            if editor.basis() != treatment["basis"]:
                raise DataUnavailable(
                    f"A worker finds other statistics of the text '{treatment['corpus']}' in '{self.home}' than the run was "
                    "started with; let every worker find the same EMENDO_HOME."
                )
            self._treatment, self._compute = treatment, editor.compute
        return self._compute


def piece(cases: Sequence[Case], treatment: Mapping[str, Any] | None) -> dict[str, Any]:
    """A group of cases, and what is done to each before it is observed; nothing if None."""
    return {"treatment": treatment, "cases": [asdict(case) for case in cases]}


def prepare(shared: Mapping[str, Any], where: Mapping[str, Any]) -> Bench:
    """The bench of a worker."""
    model = load_again(where["source"], shared["model"])
    return Bench(model, [EditRequest.from_dict(fields) for fields in where["requests"]], Path(where["home"]))


def compute(bench: Bench, piece: Mapping[str, Any]) -> Any:
    """What was seen of the cases of a piece."""
    cases = [Case.from_dict(fields) for fields in piece["cases"]]
    return bench.observe(cases) if piece["treatment"] is None else bench.treat(cases, piece["treatment"])
