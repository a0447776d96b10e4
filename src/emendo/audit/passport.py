"""Whether recorded edits explain what was found: by replay, not by what a card says.

A passport is ``edits.json`` beside the weights, which Emendo's exports carry; a ledger holds the same for a history. Both state,
for each matrix, the digest that the base's tensor had and the one that it has with the edits merged, in float32, bfloat16 and
float16. An edit explains a tensor if the base's digest and the suspect's are the stated ones. What it states and the suspect does
not have counts against it, and so does what the suspect has and it does not state. That somebody wrote a passport is no proof
that the edit is honest: a signature tells who vouches for it.

A ledger has the factors, which are added up again:

    W' = round(float32(W) + float32(Σ U Vᵀ)),      columns summed in order in float64
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emendo.audit.compare import Comparison
from emendo.audit.formats import Checkpoint
from emendo.errors import EmendoError
from emendo.facts import EditRequest
from emendo.ledger import Ledger, Patch
from emendo.ledger.adapter_files import read_json
from emendo.ledger.export import SCHEMA as SCHEMA_OF_EXPORTS
from emendo.ledger.low_rank import DTYPES, exact_dense
from emendo.ledger.patch import EDITS, SCHEMA, read_request
from emendo.models import Revision
from emendo.models.editable import tensor_digest


@dataclass(frozen=True, kw_only=True)
class Passport:
    """What a record says about the suspect, and what of it holds.

    Attributes:
        source: The file or ledger.
        requests: The edits it declares.
        who: By whom they were made.
        explained: Changed tensors whose digests are the stated ones.
        unexplained: Changed tensors that it does not state.
        contradicted: Tensors that it states otherwise than they are.
        problem: Why it could not be used, if it could not.
    """

    source: str
    requests: tuple[EditRequest, ...] = ()
    who: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it explains every changed tensor and nothing else."""
        return self.problem is None and bool(self.explained) and not self.unexplained and not self.contradicted


def declared_passport(suspect: Checkpoint, comparison: Comparison) -> Passport | None:
    """The passport in the suspect's folder, checked; None where there is none."""
    folder = suspect.path if suspect.path.is_dir() else suspect.path.parent
    path = folder / EDITS
    if not path.is_file():
        return None
    try:
        document = read_json(path)
        if document.get("schema") not in (SCHEMA, SCHEMA_OF_EXPORTS):
            return Passport(source=str(path), problem=f"its schema {document.get('schema')!r} is not known")
        patches = document["patches"] if document["schema"] == SCHEMA_OF_EXPORTS else [document]
        return _checked(
            str(path),
            comparison,
            base={name: str(row["sha256"]) for patch in patches for name, row in patch["base"]["tensors"].items()},
            merged=document["merged"],
            requests=[read_request(row) for patch in patches for row in patch["facts"]],
            who=[str(patch["who"]) for patch in patches],
        )
    except (EmendoError, KeyError, TypeError, ValueError, AttributeError) as error:
        return Passport(source=str(path), problem=f"it cannot be read ({error})")


def ledger_passport(folder: Path | None, digest: str, base: Checkpoint, comparison: Comparison) -> Passport | None:
    """The point of the base's history that explains the most, checked by replay; None where there is no history.

    Args:
        folder: Of the ledger; that of the base's digest in the data folder unless given.
        digest: Of the base as a model.
        base: The original.
        comparison: Of the base and the suspect.
    """
    try:
        ledger = Ledger.of_digest(digest, base.name, folder)
        entries = ledger.entries()
        passports = [_replayed(ledger, number, base, comparison) for number in range(len(entries), 0, -1)]
    except EmendoError as error:
        return Passport(source=str(folder or "the ledger"), problem=str(error))
    return max(passports, key=lambda passport: (passport.holds, len(passport.explained)), default=None)


def _replayed(ledger: Ledger, number: int, base: Checkpoint, comparison: Comparison) -> Passport:
    patches = ledger.patches(number)
    source = f"entry {number} of the ledger {ledger.folder}"
    return _checked(
        source,
        comparison,
        base={name: tensor.sha256 for patch in patches for name, tensor in patch.base.tensors.items()},
        merged=_merged_digests(patches, base),
        requests=[request for patch in patches for request in patch.requests],
        who=[patch.provenance.who for patch in patches],
    )


def _merged_digests(patches: Sequence[Patch], base: Checkpoint) -> dict[str, Mapping[str, str]]:
    """What each touched tensor has to be with all patches merged."""
    if len(patches) == 1:
        return dict(patches[0].merged)
    transposed = any(patch.base.transposed for patch in patches)
    merged: dict[str, Mapping[str, str]] = {}
    for change in Revision(deltas=tuple(patch.delta for patch in patches)).changes:
        weight = base.tensor(f"{change.site}.weight").float()
        dense = exact_dense(change)
        total = (weight + (dense.T if transposed else dense)).contiguous()
        digests = {name: tensor_digest(total.to(dtype)) for name, dtype in DTYPES.items()}
        merged[f"{change.site}.weight"] = digests
    return merged


def _checked(
    source: str,
    comparison: Comparison,
    *,
    base: Mapping[str, str],
    merged: Mapping[str, Mapping[str, str]],
    requests: Sequence[EditRequest],
    who: Sequence[str],
) -> Passport:
    changed = {change.name: change.digest for change in comparison.changes if change.kind != "rounded"}
    rounded = {change.name: change.digest for change in comparison.of("rounded")}
    if any(comparison.base_digests.get(name) != digest for name, digest in base.items()):
        return Passport(
            source=source,
            requests=tuple(requests),
            who=_once(who),
            problem="it was made for other weights than those of this base",
        )
    explained = tuple(name for name, digest in changed.items() if digest in merged.get(name, {}).values())
    stated_else = [name for name in merged if name not in explained and not _is_small(name, merged, rounded)]
    return Passport(
        source=source,
        requests=tuple(requests),
        who=_once(who),
        explained=explained,
        unexplained=tuple(name for name in changed if name not in merged),
        contradicted=tuple(stated_else),
    )


def _is_small(name: str, merged: Mapping[str, Mapping[str, str]], rounded: Mapping[str, str | None]) -> bool:
    """Whether the stated edit was so small that rounding swallowed it."""
    return rounded.get(name) in merged[name].values()


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
