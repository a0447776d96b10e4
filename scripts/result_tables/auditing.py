"""How well audits do, from the files that benchmarks/auditing*.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from result_tables import layout
from result_tables.layout import Parts


def figures(path: Path) -> str:
    """How well audits do, from a file that benchmarks/auditing.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    keys = ("called an edit", "layer", "subject first", "subject of ten")
    single, treated = found["single_edits"], found["auroc_all_treatments"]
    headline = [
        ("AUROC of edits against all benign changes", _bounds(found["auroc"]), " + ".join(map(str, found["auroc"]["n"]))),
        ("the same, edits treated afterwards too", _bounds(treated), " + ".join(map(str, treated["n"]))),
        *((f"AUROC of {name} alone", _bounds(value), "the same as the first") for name, value in found["baselines"].items()),
        ("false alarms on benign changes", *_counted(found["false_alarms"])),
        *((f"single edits: {name}", *_counted(single[name])) for name in keys),
        ("single edits: the fact itself is told", *_counted(found["facts"]["named"])),
    ]
    strata = [
        (name, *(_counted(row[key])[0] if key in row else "–" for key in keys), row["called an edit"]["n"])
        for name, row in found["strata"].items()
    ]
    batches = [
        (
            row["name"],
            row["facts"],
            f"{row['right']} of {row['listed']}",
            f"{row['outstanding_right']} of {row['outstanding']}",
        )
        for row in found["batches"]
    ]
    told = (
        f"{found['suspects']} checkpoints over the embedded model, {found['candidates']:,} candidate names; whether it is called "
        "an edit is judged by a fit without the family that is tested"
    )
    parts = [
        layout.table(("figure", "estimate, with its 95 % interval", "n"), headline),
        layout.table(("suspects", "called an edit", "layer right", "subject first", "subject of ten", "n"), strata),
    ]
    if batches:
        header = ("batch", "facts", "right of the names that are listed", "right of those that stand out")
        parts.append(layout.table(header, batches))
    return "\n\n".join([*parts, layout.source(told, found["command"], found["date"])])


def names(path: Path) -> str:
    """Whose fact it is, among many names, from a file that benchmarks/auditing.py wrote with --single."""
    found = json.loads(path.read_text(encoding="utf-8"))
    single = found["single_edits"]
    rows = [(name, *_counted(single[name])) for name in ("layer", "subject first", "subject of ten")]
    told = f"Single edits of whole strength at layers up to {found['deepest']}, {found['candidates']:,} candidate names"
    return "\n\n".join(
        [
            layout.table(("figure", "estimate, with its 95 % interval", "n"), rows),
            layout.source(told, found["command"], found["date"]),
        ]
    )


def alone(path: Path) -> str:
    """What shows without a base, from a file that benchmarks/auditing_alone.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    untouched = next(row["deviations"] for row in found["rows"] if not row["layers"])
    edited = sorted(row["deviations"] for row in found["rows"] if row["layers"])
    rows = [
        (words, *_counted(found[name]))
        for name, words in (
            ("layer", "the first matrix is an edited one"),
            ("subject", "it answers to the subject first"),
            ("layer_by_ratio", "the greatest σ₁/σ₂ is an edited one's"),
        )
    ]
    told = (
        f"{found['candidates']} candidate names; chance {100 * found['chance']:.0f} %. The first name of the untouched model "
        f"stands out by {untouched:.1f} deviations, those of edited ones by {edited[0]:.1f} to {edited[-1]:.1f}"
    )
    header = ("without a base", "estimate, with its 95 % interval", "n")
    return "\n\n".join([layout.table(header, rows), layout.source(told, found["command"], found["date"])])


def memory(path: Path) -> str:
    """What a comparison of large checkpoints takes, from a file that benchmarks/auditing_memory.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    sentence = (
        f"Two checkpoints of {found['gigabytes_a_checkpoint']:.1f} GB each, {found['layers']} layers in the shapes of a 7B model, "
        f"were compared in {found['seconds']:.0f} s with {found['peak_gigabytes']:.2f} GB of memory at the peak (VmHWM, libraries "
        f"included), at low priority beside other work; the one matrix that was changed was found."
    )
    return f"{sentence}\n\nCommand: `{found['command']}`"


def _bounds(row: dict[str, Any]) -> str:
    return f"{row['estimate']:.3f} ({row['low']:.3f}–{row['high']:.3f})"


def _counted(row: dict[str, Any]) -> tuple[str, str]:
    if not row["n"]:
        return "–", "0"
    return f"{100 * row['share']:.0f} % ({100 * row['low']:.0f}–{100 * row['high']:.0f})", f"{row['hits']} of {row['n']}"


PARTS: Parts = {
    "auditing": ("auditing.json", figures),
    "auditing names": ("auditing_names.json", names),
    "auditing alone": ("auditing_alone.json", alone),
    "auditing memory": ("auditing_memory.json", memory),
}
