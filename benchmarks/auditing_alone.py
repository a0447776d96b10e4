"""What a suspect shows without its base: whether the matrix that looks most edited was, beside the untouched model.

    python benchmarks/auditing_alone.py --work W --n 8 --names 200 -o docs/results/auditing_alone.json

Edits are those of `auditing_suspects.py`, one fact each; W is its work folder.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from auditing_checkpoints import CLOSED_FORM, Kept, Suspect, make
from auditing_figures import command_line

from emendo.audit.alone import audit_alone
from emendo.audit.behaviour import wear
from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.subjects import merged, shipped_subjects
from emendo.cli.console import out
from emendo.evaluate.intervals import wilson
from emendo.models import load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    model, base = load_model(), Kept(open_checkpoint("smollm2-135m").path)
    parts = {path.stem: json.loads(path.read_text()) for path in sorted((options.work / "parts").glob("*.json"))}
    edits = {name: about for name, about in parts.items() if about.get("family") in CLOSED_FORM and len(about["facts"]) == 1}
    chosen = list(edits)[:: max(1, len(edits) // options.n)][: options.n]
    shipped = shipped_subjects()
    names = merged([edits[name]["facts"][0]["subject"] for name in chosen], shipped[:: len(shipped) // options.names])
    rows: list[dict[str, Any]] = []
    for name in ("untouched", *chosen):
        tensors: list[str] = []
        if name in edits:
            made = make(Suspect(name=name, family=edits[name]["family"], parts=(name,)), options.work, base, model)
            tensors = made.changed()
            wear(model, made, tensors)
        alone = audit_alone(name, lambda: model, names)
        lowest = {finding.layer: finding.lowest_energy for finding in alone.findings}
        wear(model, base, tensors)
        first = alone.findings[0]
        steepest = max(alone.ratios, key=lambda tensor: alone.ratios[tensor])
        rows.append(
            {
                "name": name,
                "layers": edits[name]["layers"] if name in edits else [],
                "first_layer": first.layer,
                "first_subject": first.suspected[0].subject,
                "subject": edits[name]["facts"][0]["subject"] if name in edits else None,
                "deviations": round(first.prominence, 2),
                "steepest": steepest,
                "lowest_energies": [lowest[layer] for layer in range(model.n_layers)],
            }
        )
        out.print(rows[-1])
    found = [row for row in rows if row["layers"]]
    untouched = rows[0]["lowest_energies"]
    result = {
        "command": command_line("auditing_alone.py"),
        "date": time.strftime("%Y-%m-%d"),
        "candidates": len(names),
        "layer": _share([row["first_layer"] in row["layers"] for row in found]),
        "subject": _share([row["first_subject"] == row["subject"] for row in found]),
        "layer_by_ratio": _share([any(f".{layer}." in row["steepest"] for layer in row["layers"]) for row in found]),
        "layer_by_energy": _share([_lowest(row["lowest_energies"]) in row["layers"] for row in found]),
        "layer_by_energy_beside_untouched": _share(
            [
                _lowest([q / u for q, u in zip(row["lowest_energies"], untouched, strict=True)]) in row["layers"]
                for row in found
            ]
        ),
        "chance": sum(len(row["layers"]) for row in found) / len(found) / model.n_layers,
        "rows": rows,
    }
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.print_json(data={name: value for name, value in result.items() if name != "rows"})


def _lowest(energies: list[float]) -> int:
    return min(range(len(energies)), key=lambda layer: energies[layer])


def _share(hits: list[bool]) -> dict[str, Any]:
    interval = wilson(sum(hits), len(hits))
    return {"hits": sum(hits), "n": len(hits), "share": interval.estimate, "low": interval.low, "high": interval.high}


if __name__ == "__main__":
    main()
