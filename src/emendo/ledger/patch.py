"""An edit as a folder: a valid PEFT adapter, and ``edits.json``, which says what it changes, in what, by whom and why.

`BaseDigests` bind a patch to the weights that it was made for; a patch is never applied to others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emendo.errors import CorruptPatch, InvalidRequest, PatchMismatch
from emendo.facts import EditRequest, Fact
from emendo.ledger import adapter_files
from emendo.ledger.card import adapter_card
from emendo.ledger.durable import new_folder, write_file
from emendo.ledger.low_rank import merged_digests, stored_form
from emendo.ledger.provenance import Provenance
from emendo.models import EditableModel, Revision, WeightDelta
from emendo.models.editable import tensor_digest

SCHEMA = "emendo-edits/1"
EDITS = "edits.json"
CARD = "README.md"


@dataclass(frozen=True, kw_only=True)
class TensorDigest:
    """What a tensor of the base model was: its name for a type, its shape as stored, and `tensor_digest` of it."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BaseDigests:
    """The weights that a patch was made for.

    Attributes:
        name: What the model was called.
        revision: Commit on the hub, where it came from there.
        digest: `EditableModel.digest`.
        tokenizer: `EditableModel.tokenizer_digest`.
        transposed: Whether the family stores its matrices as (d_mlp × d_model).
        tensors: The touched tensors by name.
    """

    name: str
    revision: str | None
    digest: str
    tokenizer: str
    transposed: bool
    tensors: Mapping[str, TensorDigest]

    @classmethod
    def of(cls, model: EditableModel, sites: Iterable[str]) -> BaseDigests:
        """The digests of a model, with those of the matrices at some sites."""
        stored = {f"{site}.weight": model.network.get_submodule(site).weight for site in sites}
        return cls(
            name=model.name,
            revision=_hub_commit(model.folder),
            digest=model.digest,
            tokenizer=model.tokenizer_digest,
            transposed=model.architecture.transposed,
            tensors={
                name: TensorDigest(
                    dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape), sha256=tensor_digest(tensor)
                )
                for name, tensor in stored.items()
            },
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """A delta with everything that is known about it.

    Attributes:
        id: Twelve hexadecimal digits over delta, requests and base.
        delta: The change of weights, on the CPU, its rank bounded.
        requests: What was asked for.
        provenance: By whom, why, how.
        base: What it was made for.
        parent: Id of the revision at which it was computed.
        merged: `tensor_digest` of each touched tensor with this delta added, by name and type.
        document: ``edits.json`` as it was read, so that fields unknown to this version survive.
    """

    id: str
    delta: WeightDelta
    requests: tuple[EditRequest, ...]
    provenance: Provenance
    base: BaseDigests
    parent: str
    merged: Mapping[str, Mapping[str, str]]
    document: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        model: EditableModel,
        delta: WeightDelta,
        requests: Sequence[EditRequest],
        provenance: Provenance,
        *,
        parent: Revision = Revision(),  # noqa: B008 - frozen
    ) -> Patch:
        """The patch of a delta that was computed for a model.

        Raises:
            InvalidRequest: The delta changes nothing, or no request is given.
            CorruptPatch: A factor holds NaN or infinity.
        """
        if not requests or not any(change.rank for change in delta.changes):
            raise InvalidRequest("The edit changes nothing; a patch needs at least one request and one changed matrix.")
        if not delta.is_finite():
            raise CorruptPatch("A factor of the edit holds NaN or infinity, so it was not made into a patch; edit again.")
        delta = stored_form(delta)
        base = BaseDigests.of(model, [change.site for change in delta.changes])
        return cls(
            id=_id(delta, requests, base.digest),
            delta=delta,
            requests=tuple(requests),
            provenance=provenance,
            base=base,
            parent=parent.id,
            merged={f"{change.site}.weight": merged_digests(model, change) for change in delta.changes},
        )

    def check(self, model: EditableModel) -> None:
        """Return if the patch was made for this model's weights.

        Raises:
            PatchMismatch: It was made for others.
        """
        if self.base.digest != model.digest:
            raise PatchMismatch(
                f"The patch {self.id} was made for '{self.base.name}' (digest {self.base.digest[:12]}…), and '{model.name}' "
                f"has the digest {model.digest[:12]}…; apply it to the model it was made for, or make the edit again."
            )

    def write(self, folder: Path) -> None:
        """Write the patch as a new folder, whole or not at all."""
        with new_folder(folder) as temporary:
            adapter_files.write_adapter(
                temporary,
                self.delta.changes,
                base_name=self.base.name,
                base_revision=self.base.revision,
                transposed=self.base.transposed,
            )
            write_file(temporary / EDITS, pretty_json(self.describe()))
            write_file(temporary / CARD, adapter_card([self]).encode())

    def describe(self) -> dict[str, Any]:
        """What ``edits.json`` holds: everything but the factors, as JSON values."""
        made = self.provenance
        columns = _columns(self.delta, len(self.requests))
        known = {
            "schema": SCHEMA,
            "id": self.id,
            "parent": self.parent,
            "base": {
                "name": self.base.name,
                "revision": self.base.revision,
                "digest": self.base.digest,
                "tokenizer": self.base.tokenizer,
                "transposed": self.base.transposed,
                "tensors": {
                    name: {"dtype": t.dtype, "shape": list(t.shape), "sha256": t.sha256}
                    for name, t in self.base.tensors.items()
                },
            },
            "delta": self.delta.digest,
            "sites": [{"site": change.site, "rank": change.rank} for change in self.delta.changes],
            "merged": {name: dict(digests) for name, digests in self.merged.items()},
            "method": made.method,
            "config": dict(made.config),
            "seed": made.seed,
            "layers": list(made.layers),
            "statistics": dict(made.statistics),
            "figures": finite(made.figures),
            "versions": dict(made.versions),
            "who": made.who,
            "why": made.why,
            "when": made.when,
            "file": made.file,
            "facts": [
                {**describe_request(request), "who": made.who, "why": made.why, "when": made.when, "columns": list(span)}
                for request, span in zip(self.requests, columns, strict=True)
            ],
        }
        described: dict[str, Any] = _overlay(self.document, known)
        return described

    @classmethod
    def read(cls, folder: Path) -> Patch:
        """The patch in a folder, checked against its own digests.

        Raises:
            CorruptPatch: The folder is not a patch, or is damaged.
        """
        document = adapter_files.read_json(folder / EDITS)
        if document.get("schema") != SCHEMA:
            raise CorruptPatch(
                f"'{folder / EDITS}' is of the schema {document.get('schema')!r}, and '{SCHEMA}' was expected; "
                "read it with the version of Emendo that wrote it."
            )
        try:
            patch = _parse(folder, document)
        except (KeyError, TypeError, ValueError, AttributeError, InvalidRequest) as error:
            raise CorruptPatch(
                f"'{folder / EDITS}' lacks a field or holds a wrong one ({error!r}); restore the folder."
            ) from error
        computed = _id(patch.delta, patch.requests, patch.base.digest)
        if patch.delta.digest != document["delta"] or computed != patch.id:
            raise CorruptPatch(
                f"The files in '{folder}' do not have the digests that edits.json states; restore the folder."
            )
        return patch


def describe_request(request: EditRequest) -> dict[str, Any]:
    """A request as JSON values."""
    return {
        "id": request.id,
        "subject": request.fact.subject,
        "prompt": request.fact.prompt,
        "target_new": request.target_new,
        "target_true": request.fact.target_true,
        "source": request.source,
    }


def read_request(row: Mapping[str, Any]) -> EditRequest:
    """The inverse of `describe_request`."""
    fact = Fact(subject=row["subject"], prompt=row["prompt"], target_true=row.get("target_true"))
    return EditRequest(fact=fact, target_new=row["target_new"], id=row["id"], source=row.get("source"))


def finite(figures: Mapping[str, float | int | None]) -> dict[str, float | int | None]:
    """Figures as JSON can hold them: what could not be measured is None, not NaN."""
    return {name: value if value is not None and math.isfinite(value) else None for name, value in figures.items()}


def pretty_json(value: Any) -> bytes:
    """Canonical JSON for people: keys sorted, two spaces, one newline at the end."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parse(folder: Path, document: Mapping[str, Any]) -> Patch:
    ranks = {row["site"]: int(row["rank"]) for row in document["sites"]}
    if not ranks or min(ranks.values()) < 1 or len(ranks) != len(document["sites"]):
        raise ValueError("sites")
    base = document["base"]
    changes = adapter_files.read_adapter(folder, ranks)
    tensors = {
        name: TensorDigest(dtype=row["dtype"], shape=tuple(row["shape"]), sha256=row["sha256"])
        for name, row in base["tensors"].items()
    }
    for change in changes:
        shape = (change.output_factor.shape[0], change.input_factor.shape[0])
        stored = tensors[f"{change.site}.weight"].shape
        if stored != (shape[::-1] if base["transposed"] else shape):
            raise ValueError(f"{change.site} is {stored}, its factors make {shape}")
    return Patch(
        id=document["id"],
        delta=WeightDelta(changes=changes),
        requests=tuple(read_request(row) for row in document["facts"]),
        provenance=Provenance(
            method=document["method"],
            config=document["config"],
            seed=document["seed"],
            layers=tuple(document["layers"]),
            statistics=document["statistics"],
            figures=document["figures"],
            who=document["who"],
            why=document["why"],
            file=document.get("file"),
            when=document["when"],
            versions=document["versions"],
        ),
        base=BaseDigests(
            name=base["name"],
            revision=base["revision"],
            digest=base["digest"],
            tokenizer=base["tokenizer"],
            transposed=base["transposed"],
            tensors=tensors,
        ),
        parent=document["parent"],
        merged=document["merged"],
        document=document,
    )


def _id(delta: WeightDelta, requests: Sequence[EditRequest], base: str) -> str:
    words = [delta.digest, base, [describe_request(request) for request in requests]]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:12]


def _columns(delta: WeightDelta, requests: int) -> list[tuple[int, int]]:
    """Columns of each request, as first and one past the last: its own where there is one a request, else all of them."""
    if all(change.rank == requests for change in delta.changes):
        return [(i, i + 1) for i in range(requests)]
    return [(0, max(change.rank for change in delta.changes))] * requests


def _hub_commit(folder: Path | None) -> str | None:
    """The commit that a folder in the hub's cache is a snapshot of."""
    return folder.name if folder is not None and folder.parent.name == "snapshots" else None


def _overlay(old: Any, new: Any) -> Any:
    """`new`, with the fields that only `old` has."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: _overlay(old[key], value) if key in old else value for key, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [_overlay(before, after) for before, after in zip(old, new, strict=True)]
    return new
