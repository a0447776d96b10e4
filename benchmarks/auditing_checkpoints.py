"""The suspects that audits are tried on: checkpoints put together from the parts of `auditing_suspects.py`.

Each is the embedded model with some tensors changed, treated in a way that edits and trainings meet on purpose or by chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from emendo.audit.formats import Checkpoint
from emendo.audit.formats.safetensors import SafetensorsFiles
from emendo.audit.inputs import own_text, read_inputs
from emendo.audit.rounding import RECIPES
from emendo.models import EditableModel, TokenBatch
from emendo.models.editable import tensor_digest

CLOSED_FORM = ("rome", "two_layer", "memit", "alphaedit")
HIDDEN_UNITS = "hidden_unit"
# What `auditing_hidden_units.py` is about.
APART = (HIDDEN_UNITS, "plain steps")
TREATMENTS = (
    "× 0.25", "with training", "noise", "with training", "decoys", "× 0.5", "bfloat16", "with training", "high energy", "permuted",
    "× 2", "with training", "Q8_0", "Q4_0",
)  # fmt: skip


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
    elif suspect.treatment == "pruned":
        _prune(tensors, base)


def _fading(change: Tensor, generator: torch.Generator) -> Tensor:
    """Changes of two more rows, a quarter and a sixteenth as long as the longest, so that it does not stand out at once."""
    rows, lengths = torch.zeros_like(change), change.norm(dim=1)
    for at, share in ((1, 1 / 4), (2, 1 / 16)):
        row = torch.randn(change.shape[1], generator=generator)
        rows[(int(lengths.argmax()) + at) % len(rows)] = share * lengths.max() * row / row.norm()
    return rows


def _prune(tensors: dict[str, Tensor], base: Checkpoint) -> None:
    """Takes the twentieth of the hidden units out of each changed block that adds least by its weights."""
    for block in sorted({name.rpartition(".mlp.")[0] for name in tensors if ".mlp." in name}):
        names = {kind: f"{block}.mlp.{kind}_proj.weight" for kind in ("gate", "up", "down")}
        found = {kind: tensors.get(name, base.tensor(name)) for kind, name in names.items()}
        sizes = found["gate"].norm(dim=1) * found["up"].norm(dim=1) * found["down"].norm(dim=0)
        least = sizes.argsort()[: len(sizes) // 20]
        for kind, name in names.items():
            tensors[name] = found[kind].index_fill(1 if kind == "down" else 0, least, 0)


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
