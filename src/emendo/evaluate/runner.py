"""Edit every case by itself, measure the model before and after, and keep what is done.

Cases run in groups: the edits of a group are optimised in one batch, then all its prompts run in shared batches at the
original revision and at each case's own. A finished group is appended to the work file, one JSON line a case; a rerun takes
the groups that are there whole and computes the others, so that an interrupted run ends with the same figures.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from emendo import __version__
from emendo.edit import DEFAULT_METHOD, METHODS, Edit, Editor
from emendo.errors import EditRefused, UnknownName
from emendo.evaluate.cases import Case, CaseSet, unique_ids
from emendo.evaluate.metrics import case_values, figures
from emendo.evaluate.observation import Observation, Recall, observe
from emendo.evaluate.report import Report
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, EditableModel
from emendo.registry import Registry

Compute = Callable[[Sequence[EditRequest]], Sequence[Edit | EditRefused | None]]
Progress = Callable[[str, int, int], None]

ANSWERING = Registry("emendo.evaluate.answering", "answering strategy")

_STAGES = ("edit", "evaluate", "models", "locate")


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What was seen of one case.

    Attributes:
        id: Of the case.
        unedited: At the original revision.
        edited: With the case's edit; the same as `unedited` where the edit was refused.
        refused: Why the guard refused the edit, if it did.
        layers: That the edit changed.
        figures: Of the edit itself: norms, steps, perplexity of unrelated text.
        seconds_editing: The case's share of the time its group took to edit.
        seconds_scoring: The case's share of the time its group took to measure.
    """

    id: str
    unedited: Observation
    edited: Observation
    refused: str | None
    layers: tuple[int, ...]
    figures: Mapping[str, float]
    seconds_editing: float
    seconds_scoring: float


def evaluate(
    model: EditableModel,
    cases: CaseSet,
    *,
    method: str = DEFAULT_METHOD,
    config: Any = None,
    corpus: str = "python",
    seed: int = 0,
    compute: Compute | None = None,
    group: int = 10,
    work: Path | None = None,
    unedited: dict[str, Observation] | None = None,
    home: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """The report of editing each case by itself and measuring the model before and after.

    Args:
        model: The model to edit; its weights stay as they are.
        cases: What to measure on.
        method: Name of the editing method, or of a way of answering that changes no weights.
        config: Its settings; measured ones or its defaults unless given.
        corpus: Text for the second moment, as `Editor` takes it.
        seed: Of the edits and of the bootstrap.
        compute: Computes one independent edit for each of some requests; by `method` unless given.
        group: Cases that are edited and measured together.
        work: File that keeps finished cases; a run with other weights, cases, settings or code does not use them.
        unedited: What was seen of cases without an edit, by id: used where it is there, and filled. For several methods in turn.
        home: Where statistics are kept; `default_home` unless given.
        progress: Called with a stage, how much of it is done, and of how much.

    Raises:
        InvalidRequest: Two cases share an id.
        UnknownName: There is no such method.
    """
    report = progress or (lambda stage, done, total: None)
    recall: Recall | None = None
    if method in ANSWERING.names():
        recall, compute = ANSWERING.get(method).recaller([case.request for case in cases.cases]), _unedited
    elif method not in METHODS.names():
        raise UnknownName("method", method, [*METHODS.names(), *ANSWERING.names()])
    elif compute is None:
        editor = Editor(model, method=method, config=config, corpus=corpus, seed=seed, home=home, progress=progress)
        config, compute = editor.config, editor.compute_separately
    settings = _as_json(config)
    every = unique_ids(cases.cases)
    run = _digest(model, cases, [method, settings, corpus, seed, group])
    kept = {} if work is None else _read(work, run)
    results: list[CaseResult] = []
    for start in range(0, len(every), group):
        report("cases", len(results), len(every))
        part = every[start : start + group]
        if all(case.id in kept for case in part):
            results += [kept[case.id] for case in part]
            if unedited is not None:
                unedited.update((case.id, kept[case.id].unedited) for case in part)
            continue
        fresh = _measure(model, part, compute, recall, {} if unedited is None else unedited)
        if work is not None:
            _append(work, run, fresh)
        results += fresh
    report("cases", len(results), len(every))
    before, after = [result.unedited for result in results], [result.edited for result in results]
    return Report(
        benchmark=cases.benchmark,
        benchmark_version=cases.version,
        data_file=cases.file,
        data_digest=cases.digest,
        split=cases.split,
        n=len(results),
        refused=sum(result.refused is not None for result in results),
        method=method,
        config=settings | {"corpus": corpus},
        layers=tuple(sorted({layer for result in results for layer in result.layers})),
        edit_medians=_medians([result.figures for result in results if result.refused is None]),
        seed=seed,
        draw_seed=cases.seed,
        model=model.name,
        model_digest=model.digest,
        versions=_versions(),
        seconds_editing=sum(result.seconds_editing for result in results),
        seconds_scoring=sum(result.seconds_scoring for result in results),
        unedited=figures(before, before, seed=seed),
        edited=figures(after, before, seed=seed),
        case_ids=tuple(result.id for result in results),
        unedited_values=case_values(before, before),
        edited_values=case_values(after, before),
    )


def _unedited(requests: Sequence[EditRequest]) -> list[None]:
    return [None] * len(requests)


def _as_json(config: Any) -> dict[str, Any]:
    fields = config if config is None or isinstance(config, Mapping) else asdict(config)
    settings: dict[str, Any] = json.loads(json.dumps(fields or {}))
    return settings


def _measure(
    model: EditableModel, cases: Sequence[Case], compute: Compute, recall: Recall | None, unedited: dict[str, Observation]
) -> list[CaseResult]:
    began = time.perf_counter()
    edits = compute([case.request for case in cases])
    edited = time.perf_counter()
    revisions = [ORIGINAL.plus(edit.delta) if isinstance(edit, Edit) else ORIGINAL for edit in edits]
    sights = list(zip(cases, revisions, strict=True))
    unseen = [(case, ORIGINAL) for case in cases if case.id not in unedited]
    seen = observe(model, unseen + sights) if recall is None else observe(model, unseen) + observe(model, sights, recall)
    unedited.update((case.id, before) for (case, _), before in zip(unseen, seen, strict=False))
    scored = time.perf_counter()
    return [
        CaseResult(
            id=case.id,
            unedited=unedited[case.id],
            edited=after,
            refused=str(edit) if isinstance(edit, EditRefused) else None,
            layers=edit.layers if isinstance(edit, Edit) else (),
            figures=edit.figures if isinstance(edit, Edit) else {},
            seconds_editing=(edited - began) / len(cases),
            seconds_scoring=(scored - edited) / len(cases),
        )
        for case, edit, after in zip(cases, edits, seen[len(unseen) :], strict=True)
    ]


def _medians(edits: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure that every edit has."""
    shared = [name for name in (edits[0] if edits else {}) if all(name in figures for figures in edits)]
    return {name: float(median(figures[name] for figures in edits)) for name in shared}


def _digest(model: EditableModel, cases: CaseSet, settings: Sequence[Any]) -> str:
    """Names a run: equal only if weights, tokenizer, cases, settings and code are."""
    what = [
        model.digest,
        model.tokenizer_digest,
        model.tokenizer.chat_template,
        [asdict(case) for case in cases.cases],
        settings,
        [_versions(), _code_digest()],
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _code_digest() -> str:
    """SHA-256 over the source of the stages that a figure depends on."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    # The profiles of layers are JSON files.
    files = [file for stage in _STAGES for file in (package / stage).rglob("*") if file.suffix in (".py", ".json")]
    for file in sorted(files):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "numpy")
    return {"emendo": __version__, **{name: version(name) for name in names}, "python": platform.python_version()}


def _append(work: Path, run: str, results: Sequence[CaseResult]) -> None:
    lines = [json.dumps({"run": run, **asdict(result)}, ensure_ascii=False) + "\n" for result in results]
    work.parent.mkdir(parents=True, exist_ok=True)
    with work.open("a", encoding="utf-8") as file:
        file.write("".join(lines))
        file.flush()
        os.fsync(file.fileno())


def _read(work: Path, run: str) -> dict[str, CaseResult]:
    """The cases of this run in the work file; a line that a crash cut short is left out."""
    found: dict[str, CaseResult] = {}
    if not work.is_file():
        return found
    for line in work.read_text(encoding="utf-8").splitlines():
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            continue
        if fields.pop("run", None) == run:
            sides = {side: Observation.from_dict(fields[side]) for side in ("unedited", "edited")}
            found[fields["id"]] = CaseResult(**{**fields, **sides, "layers": tuple(fields["layers"])})
    return found
