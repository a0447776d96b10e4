"""Turn requests into edits: settle the layers, gather statistics, let the method compute, and ask the guard.

Nothing is applied here: an `Edit` is a value, and the base weights are not touched.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from emendo.edit.contexts import kept_prefixes
from emendo.edit.corpora import Corpus, file_corpus, python_corpus, sampled_corpus
from emendo.edit.guard import Guard, refuse_harm
from emendo.edit.job import Groups, Held, History, Job, Solution
from emendo.edit.kept_values import KeptValues
from emendo.edit.layers import settled
from emendo.edit.second_moment import second_moments
from emendo.edit.settings import MethodSettings
from emendo.edit.shards import Savings
from emendo.errors import EditRefused, InvalidRequest
from emendo.facts import EditRequest
from emendo.home import default_home
from emendo.models import ORIGINAL, EditableModel, Revision, WeightDelta, at_revisions, check_equality, matrix_units
from emendo.pieces import Crew
from emendo.registry import Registry

METHODS = Registry("emendo.edit.methods", "method")
DEFAULT_METHOD = "hidden_unit"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Edit:
    """A computed edit and how it was computed.

    Attributes:
        delta: The change of weights.
        requests: What it teaches.
        method: Name of the method.
        config: The method's settings, defaults filled in.
        seed: Of everything random.
        layers: The edited layers.
        statistics: The second moment of each edited site: corpus, tokens, digests.
        figures: Steps, norms, probabilities, perplexity ratio, and the seconds that computing it took, in one go or not.
        held: What later edits of a sequence leave alone.
    """

    delta: WeightDelta
    requests: tuple[EditRequest, ...]
    method: str
    config: dict[str, Any]
    seed: int
    layers: tuple[int, ...]
    statistics: dict[str, Any]
    figures: dict[str, float]
    held: tuple[Held, ...] = ()

    def account(self) -> dict[str, Any]:
        """How the edit was computed, as the fields that a provenance takes."""
        return {
            "method": self.method,
            "config": self.config,
            "seed": self.seed,
            "layers": self.layers,
            "statistics": self.statistics,
            "figures": self.figures,
        }


class Editor:
    """Computes edits of one model, one after another if they are committed.

    Args:
        model: The model to edit; its weights stay as they are.
        method: One of `METHODS`.
        config: The method's ``Config``, or settings by name that differ from those measured for the model.
        revision: The revision that edits go on top of.
        earlier: Requests of the edits in that revision, which methods with a history hold.
        corpus: Text for the second moment: "python", "sampled", or the path of a text file.
        seed: Of everything random.
        home: Where statistics are kept; `default_home` unless given.
        keep_values: Keep what was searched, so that a run that was killed can be taken up again.
        crew: Who adds up second moments that are not kept yet; this process unless given.
        progress: Called with a stage, how much of it is done, and of how much.

    Raises:
        UnknownName: There is no such method.
        InvalidRequest: The settings do not fit the model.
    """

    def __init__(
        self,
        model: EditableModel,
        *,
        method: str = DEFAULT_METHOD,
        config: MethodSettings | Mapping[str, Any] | None = None,
        revision: Revision = ORIGINAL,
        earlier: Sequence[EditRequest] = (),
        corpus: str = "python",
        seed: int = 0,
        home: Path | None = None,
        keep_values: bool = False,
        crew: Crew | None = None,
        progress: Progress | None = None,
    ) -> None:
        home = default_home() if home is None else home
        self.model, self.method, self.revision, self.seed = model, method, revision, seed
        self._report = progress or (lambda stage, done, total: None)
        self._plugin = METHODS.get(method)
        self.config = settled(model, method, self._plugin, config, home)
        self._text = _corpus(model, corpus, home, lambda done, total: self._report("sampling text", done, total))
        self._moments = second_moments(
            model,
            self.config.layers if self._plugin.STATISTICS is not None else (),
            self._text,
            kind=self._plugin.STATISTICS or "key",
            home=home,
            crew=crew,
            progress=lambda done, total: self._report("second moment", done, total),
        )
        lengths = self.config.prefixes if "prefixed" in self.config.formats else ()
        self._prefixes = kept_prefixes(model, lengths, seed, home / "prefixes")
        equality = check_equality(model, cached=False)
        self._savings = Savings(keep_prefix=equality.resumed_holds, pack=equality.packed_holds)
        if not equality.resumed_holds:
            warnings.warn(
                f"Resumed passes of {model.name} differ from full ones by {equality.resumed:.1e}; the edit takes full passes.",
                stacklevel=2,
            )
        self._values = home / "values" if keep_values else None
        self._history = History()
        if earlier:
            with at_revisions(model, [revision]):
                self._history.earlier.extend(self._plugin.recall(self._job(), earlier, self.config))
        self._guard = Guard(model, revision, self._text)
        # Seconds of all searches that were found kept.
        self.spared = 0.0

    def compute(self, groups: Groups) -> list[Edit | EditRefused]:
        """An edit for each group, as if it were the only one; what the guard refuses comes back as the refusal.

        Args:
            groups: Requests that are solved together, in groups that do not see each other.

        Raises:
            InvalidRequest: A group is empty, or a prompt tells nothing of its subject.
        """
        if not all(groups):
            raise InvalidRequest("There is nothing to edit; give at least one request.")
        for request in chain.from_iterable(groups):
            if request.fact.is_bare:
                raise InvalidRequest(
                    f"The prompt '{request.fact.text}' is nothing but its subject; "
                    "write what is told of it, as in 'The capital of {France} is'."
                )
        started = time.perf_counter()
        with matrix_units(self.model):
            job = self._job()
            with at_revisions(self.model, [self.revision]):
                solutions = self._plugin.compute_solutions(job, groups, self.config)
            spared = 0.0 if job.values is None else job.values.spared
            seconds = (time.perf_counter() - started + spared) / sum(map(len, groups))
            self.spared += spared
            edits = []
            for at, (group, solution) in enumerate(zip(groups, solutions, strict=True), start=1):
                edits.append(self._guarded(group, solution, seconds))
                self._report("checking for harm", at, len(groups))
        return edits

    def compute_separately(self, requests: Sequence[EditRequest]) -> list[Edit | EditRefused]:
        """An edit for each request, as if it were the only one."""
        return self.compute([[request] for request in requests])

    def basis(self) -> dict[str, Any]:
        """Digests of the text and statistics, and the texts, that edits rest on beside model and settings."""
        return {
            "corpus": self._text.digest(len(self._text.ids)),
            "second_moments": [moment["digest"] for moment in self._statements()],
            "prefixes": list(self._prefixes),
        }

    def commit(self, edit: Edit) -> None:
        """Go on from an edit: the next ones are computed on top of it, and hold what it taught if the method has a history."""
        for held in edit.held:
            for before in self._history.about(held.requests[0].fact.subject):
                self._history.release(before)
            self._history.hold(held)
        self.revision = self.revision.plus(edit.delta)
        self._guard = self._guard.moved(self.revision)

    def _job(self) -> Job:
        return Job(
            model=self.model,
            moments=self._moments,
            revision=self.revision,
            history=self._history,
            seed=self.seed,
            savings=self._savings,
            values=None if self._values is None else KeptValues(folder=self._values, revision=self.revision.id),
            prefixes=self._prefixes,
            report=lambda done, total: self._report("searching values", done, total),
        )

    def _statements(self) -> list[dict[str, object]]:
        return [moment.statement() for moment in self._moments.values()]

    def _guarded(self, group: Sequence[EditRequest], solution: Solution, seconds: float) -> Edit | EditRefused:
        try:
            harm = self._guard.measure(solution.delta)
            refuse_harm(harm, solution.delta)
        except EditRefused as refusal:
            return refusal
        return Edit(
            delta=solution.delta,
            requests=tuple(group),
            method=self.method,
            config=asdict(self.config),
            seed=self.seed,
            layers=tuple(sorted({self.model.layer_of(change.site) for change in solution.delta.changes})),
            statistics={"second_moments": self._statements()},
            figures={**solution.figures, **asdict(harm), "seconds": seconds},
            held=solution.held,
        )


def compute_edit(model: EditableModel, *requests: EditRequest, **settings: Any) -> Edit:
    """The edit that makes a model say what some requests ask, solved together.

    Args:
        model: The model to edit; its weights stay as they are.
        requests: What to teach.
        settings: As for `Editor`.

    Raises:
        EditRefused: The edit would do harm.
        UnknownName: There is no such method.
    """
    (edit,) = Editor(model, **settings).compute([requests])
    if isinstance(edit, EditRefused):
        raise edit
    return edit


def _corpus(model: EditableModel, name: str, home: Path, progress: Callable[[int, int], None]) -> Corpus:
    if name == "sampled":
        return sampled_corpus(model, 10 * model.d_mlp, home=home, progress=progress)
    if name == "python":
        return python_corpus(model)
    return file_corpus(model, Path(name))
