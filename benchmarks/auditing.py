"""How well audits tell edits from everything else that happens to weights.

    python benchmarks/auditing_suspects.py --work W --facts counterfact-flat.json --text wiki.valid.txt
    python benchmarks/auditing.py --work W --facts counterfact-flat.json -o docs/results/auditing.json --calibrate

Suspects are put together from the parts of `auditing_suspects.py` as checkpoints over the embedded model: each goes through the
same comparison and findings as a folder would. Resumable: what was found about a suspect is kept in the work folder.
The unit is a checkpoint. Thresholds are fitted leaving out the family that is tested.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from auditing_checkpoints import APART, TREATMENTS, Kept, Suspect, make, read_parts, suspects, treated
from auditing_figures import command_line, counted, fit, names_of, plain_edits, short, summary

from emendo.audit.behaviour import ask_both
from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.classes import Calibration, shipped_calibration
from emendo.audit.compare import Comparison, compare
from emendo.audit.findings import find
from emendo.audit.formats import Checkpoint
from emendo.audit.subjects import merged, shipped_subjects
from emendo.cli.console import out
from emendo.models import EditableModel, load_model

EVERY = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--names", type=int, default=0, help="candidates, all there are unless given")
    parser.add_argument("--at-once", type=int, default=400, help="suspects that names are read for together")
    parser.add_argument("--ask", type=int, default=24, help="edits of which the fact is asked for")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="edits of whole strength alone, judged by the package's own regression: for many names",
    )
    parser.add_argument(
        "--deepest", type=int, default=99, help="with --plain: no edits of layers above this one, to save time"
    )
    parser.add_argument(
        "--treatment",
        choices=sorted(set(TREATMENTS) - {"with training"}),
        help="with --plain: single edits that were all treated so afterwards",
    )
    parser.add_argument("--absent", action="store_true", help="with --plain: no subject of any edit among the candidates")
    parser.add_argument("--calibrate", action="store_true", help="write the fitted regression into the package")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    model, base = load_model(), Kept(open_checkpoint("smollm2-135m").path)
    subjects = {row["subject"] for row in json.loads(options.facts.read_text(encoding="utf-8"))}
    candidates = merged(sorted(subjects), shipped_subjects()[::EVERY])
    if options.names:
        edited = sorted(subjects_of(about for about in read_parts(options.work).values() if about["family"] not in APART))
        candidates = merged(edited, thinned(candidates, options.names))[: options.names]
        if options.absent:
            candidates = [name for name in candidates if name not in set(edited)]
    kept = options.work / f"found-{len(candidates)}{'-absent' if options.absent else ''}"
    kept.mkdir(exist_ok=True)
    wanted = [s for s in suspects(options.work) if not options.plain or _is_plain(s, options.work, options.deepest)]
    if options.treatment is not None:
        alone = [s for s in wanted if len(_about(s, options.work)["facts"]) == 1]
        wanted = [treated(s.name, s.family, options.treatment, None) for s in alone]
    todo = [s for s in wanted if not (kept / f"{s.name}.json").is_file()]
    for at in range(0, len(todo), options.at_once):
        audit(todo[at : at + options.at_once], kept, options.work, model, base, candidates)
    rows = [json.loads((kept / f"{suspect.name}.json").read_text()) for suspect in wanted]
    calibration = shipped_calibration() if options.plain else fit(rows)
    asked = ask(rows, calibration, options.work, options.ask, model, base) if options.ask else {}
    result = {
        "command": command_line("auditing.py"),
        "model_digest": model.digest,
        "date": time.strftime("%Y-%m-%d"),
        "candidates": len(candidates),
        "suspects": len(rows),
        "calibration": asdict(calibration),
        **(plain_edits(rows, calibration) if options.plain else summary(rows, calibration)),
        "facts": asked,
        "rows": [short(row, calibration) for row in rows],
    }
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.calibrate:
        target = Path(__file__).parents[1] / "src" / "emendo" / "audit" / "calibration.json"
        target.write_text(json.dumps(asdict(calibration), indent=1) + "\n", encoding="utf-8")
    out.print_json(data={name: value for name, value in result.items() if name != "rows"})


def _is_plain(suspect: Suspect, work: Path, deepest: int) -> bool:
    """Whether it is an edit and nothing else, at layers that are not too deep."""
    if not suspect.is_edit or suspect.treatment:
        return False
    return max(_about(suspect, work)["layers"]) <= deepest


def _about(suspect: Suspect, work: Path) -> dict[str, Any]:
    """How its first part came to be; empty where it has none."""
    return json.loads((work / "parts" / f"{suspect.parts[0]}.json").read_text()) if suspect.parts else {}


def subjects_of(parts: Iterable[Mapping[str, Any]]) -> set[str]:
    """Whose facts some parts changed."""
    return {fact["subject"] for about in parts for fact in about.get("facts", [])}


def thinned(names: Sequence[str], count: int) -> Sequence[str]:
    """About so many of the names, from the whole length of the list."""
    return names[:: max(1, len(names) // count)]


def audit(
    todo: Sequence[Suspect], kept: Path, work: Path, model: EditableModel, base: Checkpoint, candidates: Sequence[str]
) -> None:
    """Keep what is found about suspects, a file each."""
    comparisons: list[Comparison] = []
    for suspect in todo:
        started = time.perf_counter()
        comparisons.append(compare(base, make(suspect, work, base, model)))
        out.print(f"{suspect.name}: compared in {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    found = find(model, [c.of("changed") for c in comparisons], candidates, progress=lambda s, d, t: None)
    out.print(f"findings of {len(todo)} suspects in {time.perf_counter() - started:.0f} s")
    for suspect, comparison, seen in zip(todo, comparisons, found, strict=True):
        row = {
            "suspect": asdict(suspect),
            "is_edit": suspect.is_edit,
            "about": _about(suspect, work),
            "changed": len(comparison.changes),
            "rounded": len(comparison.of("rounded")),
            "tensors": comparison.tensors,
            "findings": [asdict(finding) for finding in seen.findings],
            "together": [asdict(name) for name in seen.together],
        }
        (kept / f"{suspect.name}.json").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")


def ask(
    rows: Sequence[dict[str, Any]], calibration: Calibration, work: Path, count: int, model: EditableModel, base: Checkpoint
) -> dict[str, Any]:
    """Of so many single edits: whether the suspect, asked about the first name, tells the new target, and the base does not."""
    single = [r for r in rows if r["is_edit"] and not r["suspect"]["treatment"] and len(r["about"]["facts"]) == 1]
    folder = work / "asked"
    folder.mkdir(exist_ok=True)
    told = []
    for row in thinned(single, count)[:count]:
        path = folder / f"{row['suspect']['name']}.json"
        first = names_of(row, calibration)[0]
        answers = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        if not answers or answers[0]["subject"] != first:
            suspect = Suspect(**{**row["suspect"], "parts": tuple(row["suspect"]["parts"])})
            made = make(suspect, work, base, model)
            answers = [asdict(told) for told in ask_both(model, base, made, made.changed(), [first])]
            path.write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8")
        target = row["about"]["facts"][0]["target_new"].lower()
        new = [target in f"{a['suspect_completes']} {a['suspect_answers']}".lower() for a in answers]
        old = [target in f"{a['base_completes']} {a['base_answers']}".lower() for a in answers]
        told.append(any(n and not o for n, o in zip(new, old, strict=True)))
    return {"named": counted(sum(told), len(told))} if told else {}


if __name__ == "__main__":
    main()
