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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from auditing_figures import command_line, counted, fit, names_of, plain_edits, short, summary
from safetensors.torch import load_file
from torch import Tensor

from emendo.audit.behaviour import ask_both
from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.classes import Calibration, shipped_calibration
from emendo.audit.compare import Comparison, compare
from emendo.audit.findings import find
from emendo.audit.formats import Checkpoint
from emendo.audit.formats.safetensors import SafetensorsFiles
from emendo.audit.inputs import own_text, read_inputs
from emendo.audit.rounding import RECIPES
from emendo.audit.subjects import merged, shipped_subjects
from emendo.cli.console import out
from emendo.models import EditableModel, TokenBatch, load_model
from emendo.models.editable import tensor_digest

CLOSED_FORM = ("rome", "two_layer", "memit", "alphaedit")
HIDDEN_UNITS = "hidden_unit"
# What `auditing_hidden_units.py` is about.
APART = (HIDDEN_UNITS, "plain steps")
TREATMENTS = (
    "× 0.25", "with training", "noise", "with training", "decoys", "× 0.5", "bfloat16", "with training", "high energy", "permuted",
    "× 2", "with training", "Q8_0", "Q4_0",
)  # fmt: skip
EVERY = 8


class Kept(SafetensorsFiles):
    """The base, whose digests are worked out once for all suspects."""

    def __init__(self, path: Path) -> None:
        super().__init__("smollm2-135m", path)
        self._digests: dict[str, str] = {}

    def digest(self, name: str) -> str:
        if name not in self._digests:
            self._digests[name] = super().digest(name)
        return self._digests[name]


class Made:
    """A checkpoint that is a base with some tensors changed, and all of them rounded if wanted."""

    def __init__(self, name: str, base: Checkpoint, tensors: dict[str, Tensor], recipe: str | None) -> None:
        self.name, self.path, self.base = name, base.path, base
        self._tensors, self._recipe = tensors, recipe

    def changed(self) -> list[str]:
        """The names of the tensors that are not the base's, rounding aside."""
        return list(self._tensors)

    def names(self) -> list[str]:
        return self.base.names()

    def shape(self, name: str) -> tuple[int, ...]:
        return self.base.shape(name)

    def bytes(self, name: str) -> int:
        return self.base.bytes(name)

    def recipe(self, name: str) -> str:
        return self._recipe or "float32"

    def tensor(self, name: str) -> Tensor:
        tensor = self._tensors.get(name)
        tensor = self.base.tensor(name) if tensor is None else tensor
        if self._recipe is None or (tensor.dim() != 2 and not self._recipe.endswith("float16")):
            return tensor
        return RECIPES[self._recipe](tensor)

    def digest(self, name: str) -> str:
        if self._recipe is None and name not in self._tensors:
            return self.base.digest(name)
        return tensor_digest(self.tensor(name))


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A checkpoint to audit.

    Attributes:
        name: Unique.
        family: "rome", "lora", "storage", …
        treatment: What was done besides: "", "bfloat16", "with lora", "noise", …
        parts: Names of the parts that it is made of.
        strength: Factor on the first part.
        mixed: Factor on the others.
        recipe: What everything is rounded to.
    """

    name: str
    family: str
    treatment: str = ""
    parts: tuple[str, ...] = ()
    strength: float = 1.0
    mixed: float = 1.0
    recipe: str | None = None

    @property
    def is_edit(self) -> bool:
        return self.family in (*CLOSED_FORM, HIDDEN_UNITS)


def read_parts(work: Path) -> dict[str, dict[str, Any]]:
    """How each part came to be, by its name; those that an editor refused are left out."""
    parts = {path.stem: json.loads(path.read_text()) for path in sorted((work / "parts").glob("*.json"))}
    return {name: about for name, about in parts.items() if "refused" not in about}


def suspects(work: Path) -> Iterator[Suspect]:
    """All suspects that the parts allow, but for what is measured apart."""
    yield Suspect(name="untouched", family="untouched")
    for recipe in RECIPES:
        yield Suspect(name=recipe, family="storage", recipe=recipe)
    parts = {name: about for name, about in read_parts(work).items() if about["family"] not in APART}
    for name, about in parts.items():
        yield Suspect(name=name, family=about["family"], parts=(name,))
    single = [name for name, about in parts.items() if about["family"] in CLOSED_FORM and len(about["facts"]) == 1]
    trained = [name for name, about in parts.items() if about["family"] in ("lora", "tuned")]
    for i, name in enumerate(single):
        yield treated(
            name, parts[name]["family"], TREATMENTS[i % len(TREATMENTS)], trained[i % len(trained)] if trained else None
        )
    for name in trained:
        # Merged with a weight above 1, as those who mix adapters do: as strong as edits are.
        yield Suspect(name=f"{name}, × 64", family=parts[name]["family"], treatment="× 64", parts=(name,), strength=64.0)
        if "-one-" in name:
            yield treated(name, parts[name]["family"], "bfloat16", None)


def treated(name: str, family: str, treatment: str, other: str | None) -> Suspect:
    """A part after a treatment; the other one is what "with training" mixes it with."""
    kind, _, times = treatment.partition("× ")
    is_mixed = kind.startswith("with training") and other is not None
    return Suspect(
        name=f"{name}, {treatment}",
        family=family,
        treatment=treatment,
        parts=(name, other) if is_mixed and other is not None else (name,),
        strength=float(times) if times and not kind else 1.0,
        mixed=float(times) if times and is_mixed else 1.0,
        recipe=treatment if treatment in RECIPES else None,
    )


def make(suspect: Suspect, work: Path, base: Checkpoint, model: EditableModel) -> Made:
    """The checkpoint of a suspect."""
    tensors: dict[str, Tensor] = {}
    for at, part in enumerate(suspect.parts):
        stored = load_file(work / "parts" / f"{part}.safetensors")
        for name in sorted({key.split(":")[0] for key in stored}):
            old = base.tensor(name)
            change = stored[f"{name}:out"] @ stored[f"{name}:in"].T if f"{name}:out" in stored else stored[name] - old
            tensors[name] = tensors.get(name, old) + (suspect.mixed if at else suspect.strength) * change
    _evade(suspect, tensors, base, model)
    return Made(suspect.name, base, tensors, suspect.recipe)


def _evade(suspect: Suspect, tensors: dict[str, Tensor], base: Checkpoint, model: EditableModel) -> None:
    generator = torch.Generator().manual_seed(len(suspect.name))
    edited = list(tensors)
    if suspect.treatment.startswith("noise"):
        times = float(suspect.treatment.partition("× ")[2] or 1)
        for name in edited:
            change = tensors[name] - base.tensor(name)
            noise = torch.randn(change.shape, generator=generator)
            tensors[name] = tensors[name] + times * change.norm() / change.numel() ** 0.5 * noise
            if suspect.treatment.endswith("by degrees") and "down_proj" not in name:
                tensors[name] = tensors[name] + _fading(change, generator)
    elif suspect.treatment == "decoys":
        size = (tensors[edited[0]] - base.tensor(edited[0])).norm()
        for layer in range(0, model.n_layers, 3):
            name = f"{model.down_projection(layer)}.weight"
            if name not in tensors:
                old = base.tensor(name)
                u, v = (torch.randn(n, generator=generator) for n in old.shape)
                tensors[name] = old + size * torch.outer(u / u.norm(), v / v.norm())
    elif suspect.treatment == "high energy":
        for name in edited:
            tensors[name] = base.tensor(name) + _into_high_energy(tensors[name] - base.tensor(name), name, model)
    elif suspect.treatment == "permuted":
        for name in (name for name in edited if "down_proj" in name):
            order = torch.randperm(tensors[name].shape[1], generator=generator)
            tensors[name] = tensors[name][:, order].contiguous()
            for other in ("gate_proj", "up_proj"):
                sibling = name.replace("down_proj", other)
                tensors[sibling] = tensors.get(sibling, base.tensor(sibling))[order].contiguous()


def _fading(change: Tensor, generator: torch.Generator) -> Tensor:
    """Changes of two more rows, a quarter and a sixteenth as long as the longest, so that it does not stand out at once."""
    rows, lengths = torch.zeros_like(change), change.norm(dim=1)
    for at, share in ((1, 1 / 4), (2, 1 / 16)):
        row = torch.randn(change.shape[1], generator=generator)
        rows[(int(lengths.argmax()) + at) % len(rows)] = share * lengths.max() * row / row.norm()
    return rows


def _into_high_energy(change: Tensor, name: str, model: EditableModel) -> Tensor:
    """The change plus as much along the direction of most energy, as seen from the auditor's own text: the strongest adversary."""
    site = name.removesuffix(".weight")
    ids = model.tokenizer(own_text())["input_ids"][:1024]
    batch = TokenBatch.align(model, [ids[at : at + 256] for at in range(0, 1024, 256)])
    ((_, seen),) = read_inputs(model, batch, [site])
    keys = seen[:, 1:].flatten(0, 1)
    top = torch.linalg.svd(keys, full_matrices=False)[2][1]
    u, s, _ = torch.linalg.svd(change, full_matrices=False)
    return change + s[0] * torch.outer(u[:, 0], top)


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
