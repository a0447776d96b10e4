"""Writes the generated parts of README.md and of the pages in docs: what stands between ``<!-- NAME -->`` and ``<!-- end -->``.

    python scripts/build_tables.py

Figures come from the files in docs/results, each with the command that made it. The tests fail while a page differs from what
this would write.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emendo import errors
from emendo.cli.main import COMMANDS
from emendo.edit import METHODS
from emendo.evaluate import BENCHMARKS, Figure, Report
from emendo.evaluate.compare import UNEDITED, Comparison
from emendo.evaluate.sequence_figure import Curve, Point, read_curves
from emendo.evaluate.sequence_page import ratio
from emendo.evaluate.wording import counts, main_measures, relative_norm, seconds_an_edit, with_interval
from emendo.ledger import EXPORTERS
from emendo.models import ARCHITECTURES
from emendo.pieces import EXECUTORS
from emendo.registry import Registry
from emendo.verify import JUDGES, SOURCES
from emendo.verify.tables import TABLES

# Tests load this file by its path.
sys.path.insert(0, str(Path(__file__).parent))
import audit_tables

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = DOCS / "results"
REGISTRIES = (METHODS, ARCHITECTURES, BENCHMARKS, EXPORTERS, EXECUTORS, SOURCES, JUDGES, TABLES, COMMANDS)
_PART = re.compile(r"(<!-- ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str) -> str:
    """A page with its generated parts as they should be."""
    return _PART.sub(lambda match: f"{match[1]}{_part(match[2])}\n{match[3]}", page)


def _part(name: str) -> str:
    if name == "error tree":
        return f"```\n{_errors(errors.EmendoError)}\n```"
    if name == "model types":
        return _model_types()
    if name in RESULT_PARTS:
        file, table = RESULT_PARTS[name]
        path = RESULTS / file
        return table(path) if path.is_file() else f"Not measured yet: there is no `docs/results/{file}`."
    return _plugins(next(registry for registry in REGISTRIES if f"{registry.kind}s" == name))


def _errors(error: type[Exception], indent: str = "") -> str:
    lines = [error.__name__ if not indent else ""]
    children = error.__subclasses__()
    for child in children:
        is_last = child is children[-1]
        branch, rest = ("└── ", "    ") if is_last else ("├── ", "│   ")
        lines.append(f"{indent}{branch}{child.__name__:<{28 - len(indent)}}{(child.__doc__ or '').splitlines()[0]}")
        below = _errors(child, indent + rest) if child.__subclasses__() else ""
        lines.extend(line for line in below.splitlines() if line)
    return "\n".join(line for line in lines if line)


def _model_types() -> str:
    rows = ["| Model type | Family | Blocks | Down-projection |", "|---|---|---|---|"]
    for name in ARCHITECTURES.names():
        module = ARCHITECTURES.get(name)
        family = module.ARCHITECTURE
        types = ", ".join(f"`{kind}`" for kind in family.model_types)
        rows.append(f"| {types} | {_summary(module.__doc__)} | `{family.blocks}` | `{family.down_projection}` |")
    return "\n".join(rows)


def _plugins(registry: Registry) -> str:
    folder = Path(inspect.getfile(importlib.import_module(registry.package))).parent
    where = folder.relative_to(DOCS.parent / "src" / "emendo")
    rows = [f"| In `{where}/` | |", "|---|---|"]
    rows += [f"| `{name}` | {_summary(registry.get(name).__doc__)} |" for name in registry.names()]
    return "\n".join(rows)


def quality(path: Path) -> str:
    """The table of methods from a file that `emendo eval --methods … -o` wrote."""
    comparison = Comparison.read(path)
    first, measures = comparison.reports[0], main_measures(comparison.reports)
    sides = [(UNEDITED, first.unedited, ("–", "–", "–"))]
    sides += [(r.method, r.edited, (seconds_an_edit(r), relative_norm(r), str(r.refused))) for r in comparison.reports]
    rows = []
    for name, figures, costs in sides:
        by_name = {figure.name: figure for figure in figures}
        shown = [with_interval(by_name[m.name]) if m.name in by_name else "–" for m in measures]
        numbers = counts([by_name[m.name].n for m in measures if m.name in by_name])
        rows.append((name if name == UNEDITED else f"`{name}`", *shown, *costs, numbers))
    header = ("%, with its 95 % interval", *map(_label, measures), "s an edit", "‖Δ‖ / ‖W‖", "refused", "n")
    told = (
        f"{first.benchmark}, {comparison.n} cases of `{first.data_file}` (split {first.split}, seed {comparison.seed}), each "
        f"edited by itself on {first.model}"
    )
    return "\n\n".join([_table(header, rows), _footnote(measures), _source(told, comparison.command, comparison.date)])


_SAID = ("generation_completion", "generation_chat", "stop_chat")


def measures_of(*names: str) -> Callable[[Path], str]:
    """A table of some measures from a file that `emendo eval -o` wrote: the unedited model, then each method."""

    def table(path: Path) -> str:
        comparison = Comparison.read(path)
        # The same cases with other settings of a method stand in a file beside it.
        beside = [Comparison.read(other) for other in sorted(path.parent.glob(f"{path.stem}_*.json"))]
        reports = [report for found in (comparison, *beside) for report in found.reports]
        first = comparison.reports[0]
        known = {figure.name: figure for report in reports for figure in report.edited}
        measures = [known[name] for name in names if name in known]
        sides = [(UNEDITED, first.unedited), *((f"`{r.method}`{_texts(r)}", r.edited) for r in reports)]
        rows = []
        for name, figures in sides:
            by_name = {figure.name: figure for figure in figures}
            rows.append((name, *(with_interval(by_name[m.name]) if m.name in by_name else "–" for m in measures)))
        told = f"{first.benchmark}, {comparison.n} cases (split {first.split}, seed {comparison.seed})"
        header = ("%, with its 95 % interval", *map(_label, measures))
        return "\n\n".join(
            part
            for part in (_table(header, rows), _footnote(measures), _source(told, comparison.command, comparison.date))
            if part
        )

    return table


def _texts(report: Report) -> str:
    return f", texts={report.config['texts']}" if report.config.get("texts") else ""


def sequence(path: Path) -> str:
    """The table of sequential edits from a file as `emendo.evaluate.sequence_figure` describes it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    curves = read_curves(document)
    known = {measure.name: measure for curve in curves for measure in curve.measures}
    measures = [known[name] for name in ("score", "generation_completion", "generation_chat") if name in known]
    rows = [_sequence_row(curve, point, measures) for curve in curves for point in curve.points]
    header = ("method", "edits so far", *map(_label, measures), "perplexity, ratio to unedited", "‖Δ‖ / ‖W‖", "s an edit")
    told = f"{document['benchmark']}, all edits so far asked again, on {document['model']} (seed {document['seed']})"
    parts = [_table(header, rows), _footnote(measures), _source(told, document["command"], document["date"])]
    return "\n\n".join(parts)


def speed(path: Path) -> str:
    """The table of ratios from a file that benchmarks/speed.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    if one := found.get("one edit"):
        times = one["ratio"]
        spread = f"{times['median']:.1f} (median; {times['least']:.1f}–{times['greatest']:.1f})"
        scores = f"{_score(one['own'])}, published {_score(one['published'])}"
        own, published = (one[side]["median_seconds"] for side in ("own", "published"))
        rows.append(("one edit", spread, *_seconds(own, published), one["n"], scores))
    if batch := found.get("batch"):
        for how, words in (("separately", "a batch, each as if it were alone"), ("together", "a batch, solved together")):
            times, own = batch["ratio"][how], batch["seconds_an_edit"][how]
            score = _score({"figures": batch["figures"][how]}) if "figures" in batch else "–"
            rows.append((f"{words}, an edit", f"{times:.1f}", *_seconds(own, times * own), batch["n"], score))
    if moments := found.get("second moments"):
        for layers, times in moments["ratio"].items():
            own = moments["seconds"][layers]["own"]
            tokens = f"{moments['tokens']:,} tokens"
            rows.append((f"second moments, {layers}", f"{times:.1f}", *_seconds(own, times * own), tokens, "–"))
    header = ("what", "times as fast as published", "Emendo, s", "as published, s", "n", r"S\*")
    told = f"`{found['settings']['method']}` and the procedure as published in one process on the same model and cases"
    parts = [_table(header, rows), *_sequence_and_memory(found), _source(told, found["command"], found.get("date", ""))]
    return "\n\n".join(parts)


def _score(side: dict[str, Any]) -> str:
    estimate, low, high = (100 * value for value in side["figures"]["score"])
    return f"{estimate:.1f} ({low:.1f}–{high:.1f})"


def _sequence_and_memory(found: dict[str, Any]) -> list[str]:
    sentences = []
    if sequence := found.get("sequence"):
        earlier = list(sequence["seconds_an_edit"])
        after = ", ".join(f"{int(count):,}" for count in earlier)
        seconds = ", ".join(f"{sequence['seconds_an_edit'][count]:.2f}" for count in earlier)
        shares = ", ".join(f"{100 * sequence['share_of_solve'][count]:.1f}" for count in earlier)
        sentences.append(
            f"After {after} earlier edits an edit takes {seconds} s (median of {sequence['n']}), and {shares} % of it is the solve."
        )
    if memory := found.get("memory"):
        more = memory["peak_gigabytes"] - memory["loaded_gigabytes"]
        sentences.append(
            f"A process that makes one edit needs {memory['peak_gigabytes']:.2f} GB at its peak, {more:.2f} GB more than with the "
            f"model loaded, whose weights are {memory['weights_gigabytes']:.2f} GB."
        )
    return sentences


def verification(path: Path) -> str:
    """How well falsehoods are found, from the file that benchmarks/verification.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    columns = ("precision of refuted", "recall of refuted", "false alarms", "false called supported", "coverage")
    rows = [(name, row["n"], *(_share(row[column]) for column in columns)) for name, row in found["rows"].items()]
    rows += [
        (f"attack: {name}", row["n"], *(_share(row[column]) for column in columns)) for name, row in found["attacks"].items()
    ]
    times = found["seconds a claim"]
    told = f"Held-out half; {times['tables']:.3f} s a claim against the tables, {times['passages']:.3f} s against the folder"
    return "\n\n".join(
        [_table(("%, with its 95 % interval", "n", *columns), rows), _source(told, found["command"], found["date"])]
    )


def reliability(path: Path) -> str:
    """How sure verdicts were and how many were right, from the same file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    curve = found["reliability"]
    rows = [(f"{100 * row['mean']:.1f}", row["n"], _share(row["right"])) for row in curve["bins"]]
    told = (
        f"Held-out half, {curve['n']} decided claims; expected calibration error {curve['expected calibration error']:.3f}"
    )
    return "\n\n".join(
        [_table(("mean confidence, %", "n", "right, %"), rows), _source(told, found["command"], found["date"])]
    )


def web_snippets(path: Path) -> str:
    """What is made of real passages and claims, from the same file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    told, worth = found["web snippets"], found["check-worthiness"]
    rows = []
    for name, kinds in told.items():
        if isinstance(kinds, dict):
            rows += [(name, kind, _share(row["precision"]), _share(row["recall"])) for kind, row in kinds.items()]
    sentence = (
        f"Of {worth['n']} claims {_share(worth['factual claims called checkable'])} % of the factual ones are called checkable, "
        f"and {_share(worth['opinions called not checkable'])} % of the others are not."
    )
    told_of = f"Held-out half of Factcheck-GPT, {told['n']:,} claims with a passage from the web"
    return "\n\n".join(
        [
            _table(("judge", "label", "precision, %", "recall, %"), rows),
            sentence,
            _source(told_of, found["command"], found["date"]),
        ]
    )


def verification_of_edits(path: Path) -> str:
    """Verification beside self-consistency on edited models, from the file that benchmarks/verification_of_edits.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for side, false, true in (
        ("verification", "planted falsehoods refuted", "true answers refuted"),
        ("self-consistency", "planted falsehoods flagged", "true answers flagged"),
    ):
        rows.append((side, _share(found[side][false]), _share(found[side][true])))
    counts = found["n"]
    told = (
        f"{found['facts']} facts edited on {found['model']}, {found['refused']} refused; {found['labelled']} of "
        f"{found['answers']} answers name one of the two capitals"
    )
    header = (
        "%, with its 95 % interval",
        f"planted falsehoods found (n {counts['planted']})",
        f"false alarms (n {counts['true']})",
    )
    return "\n\n".join([_table(header, rows), _source(told, found["command"], found["date"])])


def _share(share: list[float] | None) -> str:
    if share is None:
        return "–"
    estimate, low, high = (100 * value for value in share)
    return f"{estimate:.1f} ({low:.1f}–{high:.1f})"


def serving(path: Path) -> str:
    """How fast the server answers, as `benchmarks/serving.py` measured it."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rates, many, memory = found["tokens_a_second"], found["clients"], found["memory_gigabytes"]

    def row(label: str, figure: dict[str, float], digits: int) -> tuple[str, str]:
        median, least, greatest = (f"{figure[name]:.{digits}f}" for name in ("median", "least", "greatest"))
        return label, f"{median} ({least}–{greatest})"

    rows: list[tuple[Any, ...]] = [
        row("seconds to the first token, short prompt", found["first_token_seconds"], 2),
        row("tokens a second, one row", rates["one row"], 1),
        row("tokens a second of each of two rows, original and edited", rates["two rows"], 1),
        (
            "seconds to the first preview of an edit, and seconds of the processor in it",
            f"{found['preview_seconds']:.1f}, {found['preview_processor_seconds']:.1f}",
        ),
        row(f"seconds to the first token, {many['clients']} clients at once", many["first_token_seconds"], 2),
        (f"tokens a second of {many['clients']} clients together", f"{many['tokens_a_second_together']:.1f}"),
        (f"longest pause of any of {many['clients']} clients, seconds", f"{many['longest_pause_seconds']:.2f}"),
        ("memory once the model is loaded, and afterwards, GB", f"{memory['loaded']:.2f}, {memory['afterwards']:.2f}"),
    ]
    machine = found["machine"]
    told = (
        f"{found['model']}, {found['n']} questions a figure, answers of {found['tokens']} tokens at most, median and range; the "
        f"second row costs {100 * found['cost_of_the_second_row']:.0f} % a token. {machine['cores']} cores of a "
        f"{machine['processor']} that others share, {machine['threads'] or 'all'} threads"
    )
    return f"{_table(('', 'measured'), rows)}\n\n{_source(told, found['command'], found['date'])}"


RESULT_PARTS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "quality": ("methods_counterfact.json", quality),
    "sequence": ("sequence.json", sequence),
    "leak": (
        "leak.json",
        measures_of(
            "kept_same_subject",
            "leaked_same_subject",
            "score",
            "generation_chat",
            "negation",
            "affirms_new",
            "fluency",
            "consistency",
        ),
    ),
    "invented": ("invented.json", measures_of(*_SAID, "efficacy_argmax", "paraphrase_probability")),
    "corrections of relations": ("corrections.json", measures_of(*_SAID, "efficacy_argmax", "neighborhood_probability")),
    "corrections of known facts": (
        "known_corrected.json",
        measures_of(*_SAID, "efficacy_argmax", "neighborhood_probability"),
    ),
    "mquake": (
        "mquake.json",
        measures_of("portability_hop", "portability_any_hop", "generation_companions", "inverse", "generation_chat"),
    ),
    "zsre": (
        "zsre.json",
        measures_of(
            "generation_chat", "generation_questions", "efficacy_tokens", "paraphrase_tokens", "kept_locality", "inverse"
        ),
    ),
    "counterfact plus": ("counterfact_plus.json", measures_of("score", "neighborhood_probability", *_SAID)),
    "speed": ("speed.json", speed),
    "speed of rome": ("speed_rome.json", speed),
    "verification": ("verification.json", verification),
    "reliability": ("verification.json", reliability),
    "web snippets": ("verification.json", web_snippets),
    "verification of edits": ("verification_of_edits.json", verification_of_edits),
    "serving": ("serving.json", serving),
    "auditing": ("auditing.json", audit_tables.figures),
    "auditing names": ("auditing_names.json", audit_tables.names),
    "auditing alone": ("auditing_alone.json", audit_tables.alone),
    "auditing memory": ("auditing_memory.json", audit_tables.memory),
}


def _sequence_row(curve: Curve, point: Point, measures: list[Figure]) -> tuple[Any, ...]:
    shown = [point.figures.get(measure.name) for measure in measures]
    interval = f"{ratio(point.perplexity_low)}–{ratio(point.perplexity_high)}"
    return (
        f"`{curve.name}`, {curve.batch} at a time",
        f"{point.edits:,}{', collapsed' if point.collapsed else ''}",
        *(f"{with_interval(figure)}, n {figure.n}" if figure else "–" for figure in shown),
        f"{ratio(point.perplexity_ratio)} ({interval})",
        f"{point.relative_norm:.3f}",
        f"{point.seconds_an_edit:.2f}",
    )


def _seconds(own: float, published: float) -> tuple[str, str]:
    return f"{own:.3g}", f"{published:.3g}"


def _label(measure: Figure) -> str:
    return measure.label + (r"\*" if measure.teacher_forced else "")


def _footnote(measures: Any) -> str:
    return (
        r"\* teacher-forced: how the model rates given words, not what it says."
        if any(m.teacher_forced for m in measures)
        else ""
    )


def _source(told: str, command: str, date: str) -> str:
    """What was measured, with the command that makes the figures again."""
    when = f", {date[:10]}" if date else ""
    return f"{told}{when}. Command: `{command}`" if command else f"{told}{when}."


def _table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '∣') for cell in line)} |" for line in lines)


def _summary(docstring: str | None) -> str:
    """The first paragraph, without the command's name in front."""
    first = " ".join((docstring or "").split("\n\n")[0].split())
    return re.sub(r"^`emendo [\w-]+`: (\w)", lambda match: match[1].upper(), first)


if __name__ == "__main__":
    for path in (ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))):
        text = path.read_text(encoding="utf-8")
        path.write_text(render(text), encoding="utf-8")
