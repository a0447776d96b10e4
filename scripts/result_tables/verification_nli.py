"""How the judge `nli` reads evidence, from the file that benchmarks/verification_nli.py wrote."""

from __future__ import annotations

import json
from pathlib import Path

from result_tables import layout
from result_tables.layout import Parts


def nli_model(path: Path) -> str:
    """The model's likeliest label beside the right one, as int8 and as float32, on generated pairs."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        (
            name,
            row["n"],
            layout.share(row["majority, accuracy"]),
            layout.share(row["accuracy"]),
            layout.share(row["refuted"]["precision"]),
            layout.share(row["refuted"]["recall"]),
            layout.share(row["supported called refuted"]),
        )
        for name, row in found["model"].items()
    ]
    columns = ("n", "majority", "three-way accuracy", "precision of refuted", "recall of refuted", "false alarms")
    return "\n\n".join(
        [layout.table(("%, with its 95 % interval", *columns), rows), layout.source(_told(found), *_source(found))]
    )


def nli_judged(path: Path) -> str:
    """What the judges make of generated pairs, by the rules of what may follow and the thresholds."""
    found = json.loads(path.read_text(encoding="utf-8"))
    columns = (
        "precision of refuted",
        "recall of refuted",
        "precision of supported",
        "recall of supported",
        "false alarms",
        "undecidable called refuted",
    )
    rows = [(name, row["n"], *(layout.share(row[column]) for column in columns)) for name, row in found["judged"].items()]
    near = found["another relation in words of its own"]
    sentence = (
        f"Of {near['n']} sentences that tell something else of the subject, in words that were not trained on (“lived in Lima” "
        f"beside a birthplace), {layout.share(near['refuted'])} % are taken to refute, and {layout.share(near['supported'])} % to "
        "support."
    )
    return "\n\n".join(
        [
            layout.table(("%, with its 95 % interval", "n", *columns), rows),
            sentence,
            layout.source("Generated pairs of the held-out half", *_source(found)),
        ]
    )


def nli_statements(path: Path) -> str:
    """The statements and attacks against a folder, by `slots` alone and with `nli` behind it."""
    found = json.loads(path.read_text(encoding="utf-8"))
    columns = ("precision of refuted", "recall of refuted", "false alarms", "false called supported", "coverage")
    rows = [
        (name, row["n"], *(layout.share(row[column]) for column in columns)) for name, row in found["statements"].items()
    ]
    return "\n\n".join(
        [
            layout.table(("%, with its 95 % interval", "n", *columns), rows),
            layout.source("Held-out half, evidence in a folder", *_source(found)),
        ]
    )


def nli_stances(path: Path) -> str:
    """What is made of real passages, beside the majority and words in common."""
    found = json.loads(path.read_text(encoding="utf-8"))
    told = found["stances"]
    rows = []
    for name, row in told["rows"].items():
        kinds = [row.get(kind, {}).get(part) for kind in ("supported", "refuted") for part in ("precision", "recall")]
        rows.append((name, layout.share(row["accuracy"]), *map(layout.share, kinds)))
    columns = ("accuracy", "precision of supported", "recall of supported", "precision of refuted", "recall of refuted")
    return "\n\n".join(
        [
            layout.table(("%, with its 95 % interval", *columns), rows),
            layout.source(
                f"Held-out half of Factcheck-GPT, {told['n']:,} claims with a passage from the web", *_source(found)
            ),
        ]
    )


def _told(found: dict[str, dict[str, float]]) -> str:
    times = found["milliseconds a pair"]
    same = found.get("int8 beside float32")
    beside = f"; int8 and float32 give the same label to {layout.share(same['same label'])} %" if same else ""  # type: ignore[arg-type]
    return (
        f"Held-out half{beside}; {times['median, one by one']:.0f} ms a pair of claim and evidence (median of {times['n']}, "
        f"one by one, one thread), {times['95th percentile, one by one']:.0f} ms at the 95th percentile"
    )


def _source(found: dict[str, str]) -> tuple[str, str]:
    return found["command"], found["date"]


PARTS: Parts = {
    "nli model": ("verification_nli.json", nli_model),
    "nli judged": ("verification_nli.json", nli_judged),
    "nli statements": ("verification_nli.json", nli_statements),
    "nli stances": ("verification_nli.json", nli_stances),
}
