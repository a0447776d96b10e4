"""How well claims are judged, from the files that benchmarks/verification*.py wrote."""

from __future__ import annotations

import json
from pathlib import Path

from result_tables import layout
from result_tables.layout import Parts


def verification(path: Path) -> str:
    """How well falsehoods are found, from the file that benchmarks/verification.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    columns = ("precision of refuted", "recall of refuted", "false alarms", "false called supported", "coverage")
    rows = [(name, row["n"], *(layout.share(row[column]) for column in columns)) for name, row in found["rows"].items()]
    rows += [
        (f"attack: {name}", row["n"], *(layout.share(row[column]) for column in columns))
        for name, row in found["attacks"].items()
    ]
    times = found["seconds a claim"]
    told = f"Held-out half; {times['tables']:.3f} s a claim against the tables, {times['passages']:.3f} s against the folder"
    return "\n\n".join(
        [
            layout.table(("%, with its 95 % interval", "n", *columns), rows),
            layout.source(told, found["command"], found["date"]),
        ]
    )


def reliability(path: Path) -> str:
    """How sure verdicts were and how many were right, from the same file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    curve = found["reliability"]
    rows = [(f"{100 * row['mean']:.1f}", row["n"], layout.share(row["right"])) for row in curve["bins"]]
    told = (
        f"Held-out half, {curve['n']} decided claims; expected calibration error {curve['expected calibration error']:.3f}"
    )
    return "\n\n".join(
        [layout.table(("mean confidence, %", "n", "right, %"), rows), layout.source(told, found["command"], found["date"])]
    )


def web_snippets(path: Path) -> str:
    """What is made of real passages and claims, from the same file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    told, worth = found["web snippets"], found["check-worthiness"]
    rows = []
    for name, kinds in told.items():
        if isinstance(kinds, dict):
            rows += [
                (name, kind, layout.share(row["precision"]), layout.share(row["recall"])) for kind, row in kinds.items()
            ]
    sentence = (
        f"Of {worth['n']} claims {layout.share(worth['factual claims called checkable'])} % of the factual ones are called "
        f"checkable, and {layout.share(worth['opinions called not checkable'])} % of the others are not."
    )
    told_of = f"Held-out half of Factcheck-GPT, {told['n']:,} claims with a passage from the web"
    return "\n\n".join(
        [
            layout.table(("judge", "label", "precision, %", "recall, %"), rows),
            sentence,
            layout.source(told_of, found["command"], found["date"]),
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
        rows.append((side, layout.share(found[side][false]), layout.share(found[side][true])))
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
    return "\n\n".join([layout.table(header, rows), layout.source(told, found["command"], found["date"])])


def retrieval(path: Path) -> str:
    """How often the evidence is found, and what an index costs, from the file that benchmarks/retrieval.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rankings, depths = ("words alone", "words and embeddings"), ("recall@1", "recall@3", "recall@8")
    rows = [
        (f"{claims}, {ranking}", told["n"], *(layout.share(told[ranking][depth]) for depth in depths))
        for claims, told in found["recall"].items()
        for ranking in rankings
    ]
    cost = found["cost"]
    told_of = f"Held-out half, among {found['passages']:,} passages; {found['model']}"
    spent = (
        f"An index of {cost['passages']:,} passages takes {cost['seconds to index']:.0f} s and {cost['bytes'] / 1e6:.0f} MB, and a "
        f"search in it {cost['seconds a search, words alone']:.2f} s by words alone, "
        f"{cost['seconds a search, with embeddings, new']:.2f} s where the candidates have no vectors yet and "
        f"{cost['seconds a search, with embeddings, kept']:.2f} s where they have (seconds of one processor)."
    )
    header = ("%, with its 95 % interval", "n", *depths)
    return "\n\n".join([layout.table(header, rows), spent, layout.source(told_of, found["command"], found["date"])])


PARTS: Parts = {
    "verification": ("verification.json", verification),
    "reliability": ("verification.json", reliability),
    "web snippets": ("verification.json", web_snippets),
    "retrieval": ("retrieval.json", retrieval),
    "verification of edits": ("verification_of_edits.json", verification_of_edits),
}
