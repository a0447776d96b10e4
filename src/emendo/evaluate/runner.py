"""Edit every case by itself, measure the model before and after, and keep what is done.

Cases run in groups, each of which is a piece of its own (`measuring`), computed here or by other processes. What is done of a run
is kept by content: a run that was interrupted ends with the same figures when it is started again, and the unedited model is
measured once for all methods.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from emendo import __version__
from emendo.edit import DEFAULT_METHOD, METHODS, Editor
from emendo.errors import InvalidRequest, UnknownName
from emendo.evaluate.cases import Case, CaseSet, unique_ids
from emendo.evaluate.measuring import ANSWERING, Bench, CaseResult, Compute, piece
from emendo.evaluate.metrics import case_values, figures
from emendo.evaluate.observation import Observation
from emendo.evaluate.report import Report
from emendo.home import default_home
from emendo.models import EditableModel, loaded_from
from emendo.pieces import Crew, Work, code_digest, module_digest, run_pieces, torch_threads

Progress = Callable[[str, int, int], None]

# What a piece is computed by, beside the method's own module; a test finds what is missing here.
CODE = (
    *("edit", "models", "locate", "facts"),
    *(f"evaluate/{name}.py" for name in ("measuring", "cases", "data", "observation", "naming", "scoring", "word_weights")),
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is evaluated.

    Attributes:
        method: Name of the editing method, or of a way of answering that changes no weights.
        config: Its settings; measured ones or its defaults unless given.
    """

    method: str
    config: Any = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Several trials on the same cases.

    Attributes:
        reports: One a trial.
        results: What was seen of each case with its edit, in the order of the cases, a row a trial.
        unedited: What was seen of each case without an edit, by id.
    """

    reports: tuple[Report, ...]
    results: tuple[tuple[CaseResult, ...], ...]
    unedited: Mapping[str, Observation]


@dataclass(frozen=True, kw_only=True)
class _Settled:
    """A trial with its settings filled in, as the report and the pieces tell it."""

    method: str
    config: Mapping[str, Any]
    treatment: Mapping[str, Any]


def evaluate(
    model: EditableModel,
    cases: CaseSet,
    *,
    method: str = DEFAULT_METHOD,
    config: Any = None,
    executor: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    **settings: Any,
) -> Report:
    """The report of editing each case by itself and measuring the model before and after.

    Args:
        model: The model to edit; its weights stay as they are.
        cases: What to measure on.
        method: Name of the editing method, or of a way of answering that changes no weights.
        config: Its settings; measured ones or its defaults unless given.
        executor: Who computes the groups, one of `EXECUTORS`; this process for one worker and a pool for several unless given.
        workers: How many groups are computed at a time.
        threads: Of torch in each worker, on which figures depend by rounding; its share of torch's own unless given.
        settings: As for `evaluate_each`.

    Raises:
        InvalidRequest: Two cases share an id, or other processes cannot compute this.
        UnknownName: There is no such method or executor.
        PieceFailed: A group ended its worker every time.
    """
    trials = [Trial(method=method, config=config)]
    (report,) = evaluate_each(model, cases, trials, crew=Crew.of(executor, workers, threads), **settings).reports
    return report


def evaluate_each(
    model: EditableModel,
    cases: CaseSet,
    trials: Sequence[Trial],
    *,
    crew: Crew,
    corpus: str = "python",
    seed: int = 0,
    compute: Compute | None = None,
    group: int = 10,
    work: Path | None = None,
    home: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Several trials on the same cases, the groups of all of them being computed by one crew.

    Args:
        model: The model to edit; its weights stay as they are.
        cases: What to measure on.
        trials: Methods with their settings.
        crew: Who computes the groups.
        corpus: Text for the second moment, as `Editor` takes it.
        seed: Of the edits and of the bootstrap.
        compute: Computes one independent edit for each of some groups of requests, in this process; by the method unless given.
        group: Cases that are edited and measured together.
        work: Folder that keeps finished groups; a run with other weights, cases, settings or code does not use them.
        home: Where statistics are kept; `default_home` unless given.
        progress: Called with a stage, how much of it is done, and of how much.

    Raises:
        InvalidRequest: Two cases share an id, or other processes cannot compute this.
        UnknownName: There is no such method.
        PieceFailed: A group ended its worker every time.
    """
    report, home = progress or (lambda stage, done, total: None), home or default_home()
    _check(model, trials, compute, crew)
    every = unique_ids(cases.cases)
    groups = [every[start : start + group] for start in range(0, len(every), group)]
    bench = Bench(model, [request for case in every for request in case.requests], home)
    # Some ways of answering choose among the requests of all cases.
    basis = hashlib.sha256(json.dumps([asdict(request) for request in bench.requests]).encode()).hexdigest()
    settled = []
    with torch_threads(crew.threads):
        for trial in trials:
            own, computed = _settle(model, trial, corpus, seed, compute, home, crew, basis, report)
            settled.append(own)
            if len(settled) == 1:
                bench = Bench(model, bench.requests, home, own.treatment, computed)
    before: dict[str, Observation] = {}
    pieces: list[dict[str, Any]] = []
    for at, own in enumerate(settled):
        for part in groups:
            # The unedited model is measured beside the first trial, for all of them.
            pieces += [piece(part, None)] if at == 0 else []
            pieces.append(piece(part, own.treatment))
    job = _work(model, every, home, crew)
    results: list[CaseResult] = []
    seconds = 0.0
    report("cases", 0, len(every) * len(trials))
    with closing(run_pieces(job, pieces, work, crew, context=bench if crew.is_here else None)) as done:
        for told, found in zip(pieces, done, strict=True):
            if told["treatment"] is None:
                ids = [case["id"] for case in told["cases"]]
                before.update(zip(ids, map(Observation.from_dict, found["observations"]), strict=True))
                seconds += found["seconds"]
                continue
            results += [CaseResult.from_dict(fields) for fields in found]
            report("cases", len(results), len(every) * len(trials))
    own_before = [before[case.id] for case in every]
    parts = tuple(tuple(results[at * len(every) : (at + 1) * len(every)]) for at in range(len(settled)))
    reports = tuple(
        _report(model, cases, own, part, own_before, corpus, seed, seconds / len(trials))
        for own, part in zip(settled, parts, strict=True)
    )
    return Evaluation(reports=reports, results=parts, unedited=before)


def _check(model: EditableModel, trials: Sequence[Trial], compute: Compute | None, crew: Crew) -> None:
    for trial in trials:
        if trial.method not in METHODS.names() and trial.method not in ANSWERING.names():
            raise UnknownName("method", trial.method, [*METHODS.names(), *ANSWERING.names()])
    if not crew.is_here and compute is not None:
        raise InvalidRequest(
            f"A function of this process computes the edits, which the executor '{crew.executor}' cannot call."
        )


def _settle(
    model: EditableModel,
    trial: Trial,
    corpus: str,
    seed: int,
    compute: Compute | None,
    home: Path,
    crew: Crew,
    basis: str,
    report: Progress,
) -> tuple[_Settled, Compute | None]:
    """A trial with its settings, its statistics being in `home` afterwards; and what computes its edits here."""
    module = (METHODS if trial.method in METHODS.names() else ANSWERING).get(trial.method)
    treatment: dict[str, Any] = {"method": trial.method, "code": module_digest(module), "corpus": corpus, "seed": seed}
    if compute is not None or trial.method in ANSWERING.names():
        config = _as_json(trial.config)
        return _Settled(
            method=trial.method, config=config, treatment={**treatment, "config": config, "basis": basis}
        ), compute
    editor = Editor(
        model, method=trial.method, config=trial.config, corpus=corpus, seed=seed, home=home, crew=crew, progress=report
    )
    config = _as_json(editor.config)
    text = Path(corpus)
    lies = str(text.resolve()) if text.is_file() else corpus
    told = {**treatment, "config": config, "corpus": lies, "basis": editor.basis()}
    return _Settled(method=trial.method, config=config, treatment=told), editor.compute


def _as_json(config: Any) -> dict[str, Any]:
    fields = config if config is None or isinstance(config, Mapping) else asdict(config)
    settings: dict[str, Any] = json.loads(json.dumps(fields or {}))
    return settings


def _work(model: EditableModel, cases: Sequence[Case], home: Path, crew: Crew) -> Work:
    """The job: equal only if weights, tokenizer and code are."""
    return Work(
        prepare="emendo.evaluate.measuring:prepare",
        compute="emendo.evaluate.measuring:compute",
        shared={
            "model": model.digest,
            "tokenizer": model.tokenizer_digest,
            "chat_template": model.tokenizer.chat_template,
            "device": model.device.type,
            "versions": _versions(),
            "code": code_digest(*CODE, without="edit/methods"),
        },
        where={}
        if crew.is_here
        else {
            "source": loaded_from(model),
            "home": str(home.resolve()),
            "requests": [asdict(request) for case in cases for request in case.requests],
        },
        threads=crew.threads,
    )


def _report(
    model: EditableModel,
    cases: CaseSet,
    trial: _Settled,
    results: Sequence[CaseResult],
    before: Sequence[Observation],
    corpus: str,
    seed: int,
    seconds: float,
) -> Report:
    after = [result.edited for result in results]
    return Report(
        benchmark=cases.benchmark,
        benchmark_version=cases.version,
        data_file=cases.file,
        data_digest=cases.digest,
        split=cases.split,
        n=len(results),
        refused=sum(result.refused is not None for result in results),
        method=trial.method,
        config={**trial.config, "corpus": corpus},
        layers=tuple(sorted({layer for result in results for layer in result.layers})),
        edit_medians=_medians([result.figures for result in results if result.refused is None]),
        seed=seed,
        draw_seed=cases.seed,
        model=model.name,
        model_digest=model.digest,
        versions=_versions(),
        seconds_editing=sum(result.seconds_editing for result in results),
        seconds_scoring=seconds + sum(result.seconds_scoring for result in results),
        unedited=figures(before, before, seed=seed),
        edited=figures(after, before, seed=seed),
        case_ids=tuple(result.id for result in results),
        unedited_values=case_values(before, before),
        edited_values=case_values(after, before),
    )


def _medians(edits: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure that every edit has."""
    shared = [name for name in (edits[0] if edits else {}) if all(name in figures for figures in edits)]
    return {name: float(median(figures[name] for figures in edits)) for name in shared}


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "numpy")
    return {"emendo": __version__, **{name: version(name) for name in names}, "python": platform.python_version()}
