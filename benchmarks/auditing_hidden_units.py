"""How well audits find facts that were written into hidden units, and what else they take for them.

    python benchmarks/auditing_suspects.py --work W --facts counterfact-flat.json --text wiki.valid.txt --most-facts 10
    python benchmarks/auditing_hidden_units.py --work W --facts counterfact-flat.json -o docs/results/auditing_hidden_units.json

Edits are treated in every way; beside them stand all benign suspects of `auditing.py`, and models and adapters that were trained
by plain gradient descent, which changes units least evenly. Of benign suspects no names are read. Resumable, as `auditing.py` is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auditing import EVERY, ask, audit, subjects_of, thinned
from auditing_checkpoints import HIDDEN_UNITS, Kept, Suspect, read_parts, suspects, treated
from auditing_figures import class_of, command_line, counted, findings_of, located, names_of, share_of

from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.classes import EDITS, Calibration, shipped_calibration
from emendo.audit.finding import Finding
from emendo.audit.subjects import OUTSTANDING, merged, shipped_subjects
from emendo.audit.written_units import STEP
from emendo.cli.console import out
from emendo.models import load_model

TREATMENTS = (
    "bfloat16", "Q8_0", "Q4_0", "noise", "noise × 4", "noise by degrees", "with training", "with training × 64", "decoys",
    "permuted", "pruned", "× 0.25", "× 0.5", "× 2",
)  # fmt: skip
# Of changes that are no edits: what may make their rows less even.
BENIGN_TREATMENTS = ("bfloat16", "Q8_0", "Q4_0", "noise", "pruned")
# Of benign suspects so many are in memory, each with all its matrices.
AT_ONCE = 8


def edits(work: Path) -> Iterator[Suspect]:
    """Facts in hidden units as they were made, and single ones after every treatment."""
    parts = read_parts(work)
    feeding = _trained(parts)
    single = 0
    for name, about in parts.items():
        if about["family"] == HIDDEN_UNITS:
            yield Suspect(name=name, family=HIDDEN_UNITS, parts=(name,))
            if len(about["facts"]) == 1:
                for treatment in TREATMENTS:
                    yield treated(name, HIDDEN_UNITS, treatment, feeding[single % len(feeding)])
                single += 1


def benign(work: Path) -> Iterator[Suspect]:
    """All that is no edit; what was trained without Adam, too; and those that change what feeds hidden units treated once more."""
    yield from (suspect for suspect in suspects(work) if not suspect.is_edit and suspect.family != "ft_m")
    parts = read_parts(work)
    for name in _trained(parts):
        family = parts[name]["family"]
        if family == "plain steps":
            yield Suspect(name=name, family=family, parts=(name,))
        for treatment in BENIGN_TREATMENTS:
            yield treated(name, family, treatment, None)


def _trained(parts: dict[str, dict[str, Any]]) -> list[str]:
    """The trainings that change what feeds hidden units."""
    return [name for name, about in parts.items() if about.get("modules") in ("mlp", "all")]


def figures(rows: Sequence[dict[str, Any]], calibration: Calibration) -> dict[str, Any]:
    """All figures, each with n and interval."""
    edited = [row for row in rows if row["is_edit"]]
    single = [row for row in edited if len(row["about"]["facts"]) == 1]
    others = [row for row in rows if not row["is_edit"]]
    feeding = [row for row in others if any(map(_feeds, findings_of(row)))]
    kinds = {kind: [row for row in feeding if _kind(row) == kind] for kind in sorted(set(map(_kind, feeding)))}
    trainings = {row["suspect"]["parts"][0]: False for row in feeding}
    for row in feeding:
        trainings[row["suspect"]["parts"][0]] |= _is_found(row)
    made, alarms = (
        share_of([r for r in edited if not _treatment(r)], _is_found),
        counted(sum(trainings.values()), len(trainings)),
    )
    return {
        "edits": {
            treatment or "as made": _of_edits([r for r in single if _treatment(r) == treatment], calibration)
            for treatment in ("", *TREATMENTS)
        },
        "batches": [_batch(row) for row in edited if len(row["about"]["facts"]) > 1],
        "benign": {
            kind: {"found": share_of(chosen, _is_found), "greatest step": round(max(map(_step, chosen)), 2)}
            for kind, chosen in {"all": others, "all that change what feeds hidden units": feeding, **kinds}.items()
        },
        "limit": STEP,
        # At even odds before. What was treated shares its directions with what it is made of, so each training counts once.
        "edits_as_made": made,
        "trainings": alarms,
        "probability": round(made["low"] / (made["low"] + alarms["high"]), 3),
    }


def _of_edits(rows: Sequence[dict[str, Any]], calibration: Calibration) -> dict[str, Any]:
    return {
        "found": share_of(rows, _is_found),
        "called an edit": share_of(rows, lambda r: class_of(r, calibration) in EDITS),
        **located(rows, calibration),
        "least step": round(min(map(_step, rows)), 2),
    }


def _batch(row: dict[str, Any]) -> dict[str, Any]:
    """Of n facts: how many units were found, and of the n names that stand out most how many are right."""
    wanted = {fact["subject"] for fact in row["about"]["facts"]}
    written = [finding for finding in findings_of(row) if finding.written]
    names = sorted((s.deviations, s.subject) for f in written for s in f.suspected if s.deviations > OUTSTANDING)
    first = list(dict.fromkeys(name for _, name in reversed(names)))[: len(wanted)]
    units = {f.layer: max(g.written for g in written if g.layer == f.layer) for f in written}
    return {
        "name": row["suspect"]["name"],
        "facts": len(wanted),
        "units": sum(units.values()),
        "listed": len(first),
        "right": len(wanted & set(first)),
    }


def _is_found(row: dict[str, Any]) -> bool:
    return any(finding.written for finding in findings_of(row))


def _feeds(finding: Finding) -> bool:
    return "gate_proj" in finding.name or "up_proj" in finding.name


def _step(row: dict[str, Any]) -> float:
    """The greatest of a checkpoint."""
    return max((finding.step for finding in findings_of(row)), default=1.0)


def _treatment(row: dict[str, Any]) -> str:
    return str(row["suspect"]["treatment"])


def _kind(row: dict[str, Any]) -> str:
    return f"{row['suspect']['family']} {_treatment(row)}".strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--names", type=int, default=1000, help="candidates")
    parser.add_argument("--ask", type=int, default=16, help="edits of which the fact is asked for")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    model, base, calibration = load_model(), Kept(open_checkpoint("smollm2-135m").path), shipped_calibration()
    listed = {row["subject"] for row in json.loads(options.facts.read_text(encoding="utf-8"))}
    edited = subjects_of(about for about in read_parts(options.work).values() if about["family"] == HIDDEN_UNITS)
    candidates = merged(sorted(edited), thinned(merged(sorted(listed), shipped_subjects()[::EVERY]), options.names))
    candidates = candidates[: options.names]
    rows = []
    for wanted, names, at_once in ((list(edits(options.work)), candidates, 400), (list(benign(options.work)), [], AT_ONCE)):
        kept = options.work / f"units-{len(names)}"
        kept.mkdir(exist_ok=True)
        todo = [suspect for suspect in wanted if not (kept / f"{suspect.name}.json").is_file()]
        for at in range(0, len(todo), at_once):
            audit(todo[at : at + at_once], kept, options.work, model, base, names)
        rows += [json.loads((kept / f"{suspect.name}.json").read_text(encoding="utf-8")) for suspect in wanted]
    result = {
        "command": command_line("auditing_hidden_units.py"),
        "model_digest": model.digest,
        "date": time.strftime("%Y-%m-%d"),
        "candidates": len(candidates),
        "suspects": len(rows),
        **figures(rows, calibration),
        "facts": ask(rows, calibration, options.work, options.ask, model, base) if options.ask else {},
        "rows": [
            {"name": row["suspect"]["name"], "step": round(_step(row), 2), "names": names_of(row, calibration)[:3]}
            for row in rows
            if row["findings"]
        ],
    }
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.print_json(data={name: value for name, value in result.items() if name != "rows"})


if __name__ == "__main__":
    main()
