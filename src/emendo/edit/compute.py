"""Turn requests into an edit: choose the layer, gather statistics, let the method compute, and ask the guard.

Nothing is applied here: an `Edit` is a value, and the base weights are not touched.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from emendo.edit.corpora import Corpus, file_corpus, python_corpus, sampled_corpus
from emendo.edit.guard import Guard, refuse_harm
from emendo.edit.layers import edited_layer
from emendo.edit.second_moment import second_moments
from emendo.errors import EditRefused
from emendo.facts import EditRequest
from emendo.home import default_home
from emendo.models import ORIGINAL, EditableModel, Revision, WeightDelta, at_revisions, check_equality
from emendo.registry import Registry

METHODS = Registry("emendo.edit.methods", "method")
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
        figures: Steps, norms, probabilities, perplexity ratio, seconds.
    """

    delta: WeightDelta
    requests: tuple[EditRequest, ...]
    method: str
    config: dict[str, Any]
    seed: int
    layers: tuple[int, ...]
    statistics: dict[str, Any]
    figures: dict[str, float]

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


def compute_edit(
    model: EditableModel,
    request: EditRequest,
    *,
    method: str = "rome",
    config: Any = None,
    revision: Revision = ORIGINAL,
    corpus: str = "python",
    seed: int = 0,
    home: Path | None = None,
    progress: Progress | None = None,
) -> Edit:
    """The edit that makes a model say what a request asks.

    Args:
        model: The model to edit; its weights stay as they are.
        request: What to teach.
        method: One of `METHODS`.
        config: The method's ``Config``; its defaults unless given.
        revision: The revision that the edit goes on top of.
        corpus: Text for the second moment: "python", "sampled", or the path of a text file.
        seed: Of everything random.
        home: Where statistics are kept; `default_home` unless given.
        progress: Called with a stage, how much of it is done, and of how much.

    Raises:
        EditRefused: The edit would do harm.
        UnknownName: There is no such method.
    """
    (edit,) = compute_edits_separately(
        model,
        [request],
        method=method,
        config=config,
        revision=revision,
        corpus=corpus,
        seed=seed,
        home=home,
        progress=progress,
    )
    if isinstance(edit, EditRefused):
        raise edit
    return edit


def compute_edits_separately(
    model: EditableModel,
    requests: Sequence[EditRequest],
    *,
    method: str = "rome",
    config: Any = None,
    revision: Revision = ORIGINAL,
    corpus: str = "python",
    seed: int = 0,
    home: Path | None = None,
    progress: Progress | None = None,
) -> list[Edit | EditRefused]:
    """An edit for each request, as if it were the only one; what the guard refuses comes back as the refusal.

    Arguments are those of `compute_edit`.
    """
    started = time.perf_counter()
    home = default_home() if home is None else home
    report = progress or (lambda stage, done, total: None)
    module = METHODS.get(method)
    config = module.Config() if config is None else config
    layer = edited_layer(model, method) if config.layer is None else config.layer
    config = replace(config, layer=layer)
    model.down_projection(layer)
    text = _corpus(model, corpus, home, lambda done, total: report("sampling text", done, total))
    moments = second_moments(
        model, [layer], text, home=home, progress=lambda done, total: report("second moment", done, total)
    )
    equality = check_equality(model, cached=False)
    if not equality.resumed_holds:
        warnings.warn(
            f"Resumed passes of {model.name} differ from full ones by {equality.resumed:.1e}; the edit takes full passes.",
            stacklevel=2,
        )
    with at_revisions(model, [revision]):
        computed = module.compute_deltas(
            model,
            requests,
            config,
            layer,
            moments,
            seed,
            lambda done, total: report("searching the value", done, total),
            keep_prefix=equality.resumed_holds,
        )
    seconds = (time.perf_counter() - started) / len(requests)
    guard = Guard(model, revision, text)
    edits: list[Edit | EditRefused] = []
    for at, (request, (delta, figures)) in enumerate(zip(requests, computed, strict=True), start=1):
        harm = guard.measure(delta)
        report("checking for harm", at, len(requests))
        try:
            refuse_harm(harm, delta)
        except EditRefused as refusal:
            edits.append(refusal)
            continue
        edits.append(
            Edit(
                delta=delta,
                requests=(request,),
                method=method,
                config=asdict(config),
                seed=seed,
                layers=(layer,),
                statistics={"second_moments": [moments[layer].statement()]},
                figures={**figures, **asdict(harm), "seconds": seconds},
            )
        )
    return edits


def _corpus(model: EditableModel, name: str, home: Path, progress: Callable[[int, int], None]) -> Corpus:
    if name == "sampled":
        return sampled_corpus(model, 10 * model.d_mlp, home=home, progress=progress)
    if name == "python":
        return python_corpus(model)
    return file_corpus(model, Path(name))
