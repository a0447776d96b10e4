"""What edits do to what a model says, from the files that `emendo eval -o` and `emendo sequence -o` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from result_tables import layout
from result_tables.layout import Parts

from emendo.edit import DEFAULT_METHOD, METHODS
from emendo.evaluate import Figure, Report
from emendo.evaluate.compare import UNEDITED, Comparison, compare
from emendo.evaluate.sequence_figure import Curve, Point, read_curves
from emendo.evaluate.sequence_page import ratio
from emendo.evaluate.wording import counts, main_measures, relative_norm, seconds_an_edit, with_interval

_PROFILES: dict[str, Any] = json.loads(files("emendo.edit").joinpath("profiles.json").read_text(encoding="utf-8"))
# Layers are told by the profile; no case has as many facts as the other allows.
_UNTOLD = ("layers", "first_facts")
_SAID = ("generation_completion", "generation_chat", "stop_chat")


def quality(path: Path) -> str:
    """The table of methods from a file that `emendo eval --methods … -o` wrote, and those beside it; the default first."""
    found = _beside(path)
    first, reports = found[0].reports[0], _default_first(found)
    measures = main_measures(reports)
    sides = [(UNEDITED, first.unedited, ("–", "–", "–"))]
    sides += [(_called(r), r.edited, (seconds_an_edit(r), relative_norm(r), str(r.refused))) for r in reports]
    rows = []
    for name, figures, costs in sides:
        by_name = {figure.name: figure for figure in figures}
        shown = [with_interval(by_name[m.name]) if m.name in by_name else "–" for m in measures]
        numbers = counts([by_name[m.name].n for m in measures if m.name in by_name])
        rows.append((name, *shown, *costs, numbers))
    header = ("%, with its 95 % interval", *map(layout.label, measures), "s an edit", "‖Δ‖ / ‖W‖", "refused", "n")
    told = (
        f"{first.benchmark}, {first.n} cases of `{first.data_file}` (split {first.split}, seed {first.seed}), each edited by "
        f"itself on {first.model}"
    )
    return "\n\n".join([layout.table(header, rows), *layout.footnote(measures), *_sources(told, found)])


def differences(path: Path) -> str:
    """What each of those methods has over the default, case by case, in what is rated and in what is said."""
    default, *others = _default_first(_beside(path))
    rows, known = [], {}
    for report in others:
        known = {d.name: d for d in compare(report, default).differences if d.name in ("score", *_SAID[:2])}
        marked = (f"**{with_interval(d)}**" if d.excludes_zero else with_interval(d) for d in known.values())
        rows.append((_called(report), *marked))
    header = (f"points beside {_called(default)}, with the 95 % interval", *map(layout.label, known.values()))
    return layout.table(header, rows)


def _beside(path: Path) -> list[Comparison]:
    """What a file holds, and then those beside it: the same cases with other methods, or with other settings."""
    return [Comparison.read(file) for file in (path, *sorted(path.parent.glob(f"{path.stem}_*.json")))]


def _sources(told: str, found: Sequence[Comparison]) -> list[str]:
    """Where the rows are from; the first file is what is told."""
    names = [told, *(f"The same cases with {' and '.join(map(_called, other.reports))}" for other in found[1:])]
    return [layout.source(name, each.command, each.date) for name, each in zip(names, found, strict=True)]


def _default_first(found: Sequence[Comparison]) -> list[Report]:
    return sorted(
        (report for comparison in found for report in comparison.reports), key=lambda r: r.method != DEFAULT_METHOD
    )


def measures_of(*names: str) -> Callable[[Path], str]:
    """A table of some measures from a file that `emendo eval -o` wrote: the unedited model, then each method."""

    def table(path: Path) -> str:
        found = _beside(path)
        reports = _default_first(found)
        first = found[0].reports[0]
        known = {figure.name: figure for report in reports for figure in report.edited}
        measures = [known[name] for name in names if name in known]
        sides = [(UNEDITED, first.unedited), *((_called(r), r.edited) for r in reports)]
        rows = []
        for name, figures in sides:
            by_name = {figure.name: figure for figure in figures}
            rows.append((name, *(with_interval(by_name[m.name]) if m.name in by_name else "–" for m in measures)))
        told = f"{first.benchmark}, {found[0].n} cases (split {first.split}, seed {found[0].seed})"
        header = ("%, with its 95 % interval", *map(layout.label, measures))
        return "\n\n".join([layout.table(header, rows), *layout.footnote(measures), *_sources(told, found)])

    return table


def _called(report: Report) -> str:
    """The method, and settings that are neither its own nor those measured for the model."""
    own = json.loads(json.dumps(asdict(METHODS.get(report.method).Config()))) if report.method in METHODS.names() else {}
    measured = _PROFILES.get(report.model_digest, {}).get(report.method, {}).get("settings", {})
    usual = own | measured
    told = {name: value for name, value in report.config.items() if name in own and name not in _UNTOLD}
    return f"`{report.method}`" + "".join(
        f", {name}={_setting(value)}" for name, value in told.items() if value != usual[name]
    )


def _setting(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def sequence(path: Path) -> str:
    """Sequential edits at powers of ten and at their end, from a file as `emendo.evaluate.sequence_figure` describes it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    curves = read_curves(document)
    known = {measure.name: measure for curve in curves for measure in curve.measures}
    measures = [known[name] for name in ("score", "generation_completion", "generation_chat") if name in known]
    rows = [_sequence_row(curve, point, measures) for curve in curves for point in _milestones(curve)]
    header = ("method", "edits so far", *map(layout.label, measures), "perplexity, ratio to unedited", "‖Δ‖ / ‖W‖")
    told = f"{document['benchmark']}, of the facts edited so far n asked again, on {document['model']} (seed {document['seed']})"
    parts = [
        layout.table(header, rows),
        *layout.footnote(measures),
        layout.source(told, document["command"], document["date"]),
    ]
    return "\n\n".join(parts)


def _milestones(curve: Curve) -> list[Point]:
    return [point for point in curve.points if str(point.edits).strip("0") == "1" or point is curve.points[-1]]


def _sequence_row(curve: Curve, point: Point, measures: list[Figure]) -> tuple[Any, ...]:
    shown = [point.figures.get(measure.name) for measure in measures]
    interval = f"{ratio(point.perplexity_low)}–{ratio(point.perplexity_high)}"
    refused = f", {point.refused:,} refused" if point.refused else ""
    return (
        f"`{curve.name}`, {curve.batch} at a time",
        f"{point.edits:,}{refused}{', collapsed' if point.collapsed else ''}",
        *(f"{with_interval(figure)}, n {figure.n}" if figure else "–" for figure in shown),
        f"{ratio(point.perplexity_ratio)} ({interval})",
        f"{point.relative_norm:.3f}",
    )


PARTS: Parts = {
    "quality": ("methods_counterfact.json", quality),
    "sequence": ("sequence.json", sequence),
    "sequence one by one": ("sequence_one_by_one.json", sequence),
    "sequence of batches": ("sequence_batches.json", sequence),
    "differences": ("methods_counterfact.json", differences),
    "differences on all cases": ("score_counterfact.json", differences),
    "quality with WikiText": ("methods_wikitext.json", quality),
    "differences with WikiText": ("methods_wikitext.json", differences),
    "leak": (
        "leak.json",
        measures_of(
            "kept_same_subject_chat",
            "kept_same_subject_completion",
            "leaked_same_subject",
            "paraphrase_probability",
            "score",
            "generation_chat",
            "negation",
            "affirms_new",
            "fluency",
            "consistency",
        ),
    ),
    "invented": (
        "invented.json",
        measures_of(
            "generation_completion", "generation_chat", "generation_questions", "efficacy_argmax", "paraphrase_argmax"
        ),
    ),
    "corrections of relations": (
        "corrections.json",
        measures_of(*_SAID[:2], "generation_questions", "paraphrase_probability", "neighborhood_probability"),
    ),
    "corrections of known facts": (
        "known_corrected.json",
        measures_of(*_SAID, "efficacy_argmax", "neighborhood_probability"),
    ),
    "mquake": (
        "mquake.json",
        measures_of(
            "portability_hop", "portability_any_hop", "generation_chat", "generation_questions", "generation_companions"
        ),
    ),
    "zsre": (
        "zsre.json",
        measures_of(
            "generation_chat", "generation_questions", "efficacy_tokens", "paraphrase_tokens", "kept_locality", "inverse"
        ),
    ),
    "counterfact plus": ("counterfact_plus.json", measures_of("score", "neighborhood_probability", *_SAID)),
}
