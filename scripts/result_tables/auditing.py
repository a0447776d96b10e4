"""How well audits do, from the files that benchmarks/auditing*.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from result_tables import layout
from result_tables.layout import Parts

_NAMED = ("stands out, and is right", "stands out, and is wrong", "nobody stands out")


def figures(path: Path) -> str:
    """How well audits do, from a file that benchmarks/auditing.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    keys = ("called an edit", "layer", "subject first", "subject of ten")
    single, treated = found["single_edits"], found["auroc_all_treatments"]
    headline = [
        ("AUROC of edits against all benign changes", _bounds(found["auroc"]), " + ".join(map(str, found["auroc"]["n"]))),
        ("the same, edits treated afterwards too", _bounds(treated), " + ".join(map(str, treated["n"]))),
        *(
            (f"edits {treatment} against all benign changes", _bounds(value), " + ".join(map(str, value["n"])))
            for treatment, value in found["auroc_by_treatment"].items()
        ),
        *(
            (f"edits against {family}", _bounds(value), " + ".join(map(str, value["n"])))
            for family, value in found["auroc_by_benign"].items()
        ),
        *((f"AUROC of {name} alone", _bounds(value), "the same as the first") for name, value in found["baselines"].items()),
        ("false alarms on benign changes", *_counted(found["false_alarms"])),
        *((f"single edits: {name}", *_counted(single[name])) for name in keys),
        ("single edits: the fact itself is told", *_counted(found["facts"]["named"])),
    ]
    strata = [
        (name, *(_counted(row[key])[0] if key in row else "–" for key in keys), row["called an edit"]["n"])
        for name, row in found["strata"].items()
    ]
    told = (
        f"{found['suspects']} checkpoints over the embedded model, {found['candidates']:,} candidate names; whether it is called "
        "an edit is judged by a fit without the family that is tested"
    )
    parts = [
        layout.table(("figure", "estimate, with its 95 % interval", "n"), headline),
        layout.table(("suspects", "called an edit", "layer right", "subject first", "subject of ten", "n"), strata),
    ]
    if found["batches"]:
        parts.append(_batches(found["batches"]))
    return "\n\n".join([*parts, layout.source(told, found["command"], found["date"])])


def _batches(batches: list[dict[str, Any]]) -> str:
    header = (
        "batch",
        "layers",
        "facts",
        "probability of an edit",
        "right of the first n names",
        "right of those that stand out",
    )
    rows = [
        (
            row["name"],
            f"{row['layers'][0]}–{row['layers'][-1]}",
            row["facts"],
            f"{row['probability']:.2f}",
            f"{row['right']} of {row['listed']}",
            f"{row['outstanding_right']} of {row['outstanding']}",
        )
        for row in batches
    ]
    return layout.table(header, rows)


def names(path: Path) -> str:
    """Whose fact it is, among many names, from a file that benchmarks/auditing.py wrote with --plain."""
    return _edits(path, "Edits of whole strength")


def fresh(path: Path) -> str:
    """The same of edits that were drawn with another seed."""
    return _edits(path, "Edits of whole strength, drawn with another seed")


def permuted(path: Path) -> str:
    """The same of edits behind which hidden units were shuffled, with --treatment permuted."""
    return _edits(path, "Edits of whole strength, the hidden units of every edited layer shuffled afterwards")


def high_energy(path: Path) -> str:
    """The same of edits drowned along the direction of most energy, with --treatment 'high energy'."""
    return _edits(path, "Edits of whole strength, as much again added along the direction in which text has most energy")


def _edits(path: Path, what: str) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    keys = ("called an edit", "layer", "subject first", "subject of ten", *_NAMED)
    groups = _groups(found)
    rows = [(key, *(_cell(found[name][key]) for name in groups)) for key in keys]
    told = f"{what}, {found['candidates']:,} candidate names, judged by the package's own regression"
    parts = [layout.table(("figure", *groups), rows)]
    if found["batches"]:
        parts.append(_batches(found["batches"]))
    return "\n\n".join([*parts, layout.source(told, found["command"], found["date"])])


def absent(path: Path) -> str:
    """The same where no subject is among the names."""
    found = json.loads(path.read_text(encoding="utf-8"))
    keys = ("called an edit", "layer", "stands out, and is wrong", "nobody stands out")
    groups = _groups(found)
    rows = [(key, *(_cell(found[name][key]) for name in groups)) for key in keys]
    told = f"The same edits, {found['candidates']:,} candidate names, and no subject of any edit among them"
    batches = layout.table(
        ("batch", "facts", "probability of an edit", "names that stand out, all of them wrong"),
        [(row["name"], row["facts"], f"{row['probability']:.2f}", row["outstanding"]) for row in found["batches"]],
    )
    return "\n\n".join(
        [layout.table(("figure", *groups), rows), batches, layout.source(told, found["command"], found["date"])]
    )


def hidden_units(path: Path) -> str:
    """Facts in hidden units, and what is taken for them, from a file that benchmarks/auditing_hidden_units.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    keys = ("found", "called an edit", "layer", "subject first", "subject of ten")
    edits = [
        (name, *(_counted(row[key])[0] for key in keys), f"{row['least step']:,.1f}", row["found"]["n"])
        for name, row in found["edits"].items()
    ]
    benign = [(kind, *_counted(row["found"]), f"{row['greatest step']:.1f}") for kind, row in found["benign"].items()]
    batches = [(row["name"], row["facts"], row["units"], f"{row['right']} of {row['listed']}") for row in found["batches"]]
    told = (
        f"{found['suspects']} checkpoints over the embedded model, {found['candidates']:,} candidate names. Asked about the first "
        f"name, the suspect tells the fact itself in {_cell(found['facts']['named'])}, of single edits as made. A step above "
        f"{found['limit']:g} is called rewritten hidden units. As made, {_cell(found['edits_as_made'])} edits are found, batches "
        f"included; {_cell(found['trainings'])} trainings are taken for one, each counted once however it is treated; so the "
        f"probability is {found['edits_as_made']['low']:.3f} / ({found['edits_as_made']['low']:.3f} + "
        f"{found['trainings']['high']:.3f}) = {found['probability']:.2f}"
    )
    header = ("single edits", "found", "called an edit", "layer right", "subject first", "subject of ten", "least step", "n")
    return "\n\n".join(
        [
            layout.table(header, edits),
            layout.table(("benign changes", "taken for an edit in hidden units", "n", "greatest step"), benign),
            layout.table(("batch", "facts", "units found", "right of the names that stand out"), batches),
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
            ("layer_by_energy", "the leading component of least energy q is an edited one's"),
            ("layer_by_energy_beside_untouched", "the same, by the share of what the untouched base has there"),
        )
    ]
    told = (
        f"{found['candidates']} candidate names; chance {100 * found['chance']:.0f} %. The first name of the untouched model "
        f"stands out by {untouched:.1f} deviations, those of edited ones by {edited[0]:.1f} to {edited[-1]:.1f}"
    )
    header = ("without a base", "estimate, with its 95 % interval", "n")
    return "\n\n".join([layout.table(header, rows), layout.source(told, found["command"], found["date"])])


def speed(path: Path) -> str:
    """What reading names takes, from a file that benchmarks/auditing_speed.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    ratio = found["ratio"]
    rows = [
        (words, f"{found[name]['median_seconds']:.1f} s", f"{found[name]['tokens']:,}")
        for name, words in (("padded", "in batches, padded"), ("tree", "as trees"))
    ]
    told = (
        f"{found['names']:,} names up to layer {found['layer']}, processor time, median of {found['repetitions']} runs in turn; "
        f"the ratio is {ratio['median']:.1f} ({ratio['least']:.1f}–{ratio['greatest']:.1f}). The largest difference is "
        f"{found['largest_difference']:.1e} of the largest input, and the first {found['first']} names of a random change are the "
        "same in the same order"
    )
    header = ("names are read", "time", "tokens, padding included")
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


def _groups(found: dict[str, Any]) -> list[str]:
    return [name for name in found if name.startswith("single edits") and found[name]["called an edit"]["n"]]


def _cell(row: dict[str, Any]) -> str:
    share, of = _counted(row)
    return f"{share}, {of}"


PARTS: Parts = {
    "auditing": ("auditing.json", figures),
    "auditing names": ("auditing_names.json", names),
    "auditing names fresh": ("auditing_names_fresh.json", fresh),
    "auditing permuted": ("auditing_permuted.json", permuted),
    "auditing high energy": ("auditing_high_energy.json", high_energy),
    "auditing absent": ("auditing_absent.json", absent),
    "auditing hidden units": ("auditing_hidden_units.json", hidden_units),
    "auditing speed": ("auditing_speed.json", speed),
    "auditing alone": ("auditing_alone.json", alone),
    "auditing memory": ("auditing_memory.json", memory),
}
