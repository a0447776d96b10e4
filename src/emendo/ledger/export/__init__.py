"""Ways to ship a revision: one module a format, whose file name is the format's name.

An exporter defines ``write(model, patches, folder)``, which fills an empty folder, and ``usage(model, folder)``, the lines
that load what it wrote. `export_revision` does what all of them need: it refuses patches of other models and folders in use,
and makes the folder appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from emendo.errors import InvalidRequest, LedgerError
from emendo.ledger.durable import new_folder, write_file
from emendo.ledger.low_rank import limit_rank, merged_digests
from emendo.ledger.patch import EDITS, Patch, pretty_json
from emendo.models import EditableModel, Revision, SiteDelta
from emendo.registry import Registry

EXPORTERS = Registry("emendo.ledger.export", "exporter")
SCHEMA = "emendo-revision/1"


def export_revision(model: EditableModel, patches: Sequence[Patch], folder: Path, exporter: str) -> Path:
    """The folder, filled with the model at a revision in some format.

    Args:
        model: The model, unedited.
        patches: The patches in force at the revision, in order (see `Ledger.patches`).
        folder: Where to write; it must not exist, or be empty.
        exporter: Name of the format, one of ``EXPORTERS.names()``.

    Raises:
        UnknownName: There is no such format.
        InvalidRequest: There is nothing to export, or the folder is in use.
        PatchMismatch: A patch was made for another model.
        LedgerError: The folder cannot be written.
    """
    module = EXPORTERS.get(exporter)
    if not patches:
        raise InvalidRequest(f"No edit of {model.name} is in force at that revision, so there is nothing to export.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidRequest(f"'{folder}' exists and is not an empty folder; name a new one, nothing is overwritten.")
    for patch in patches:
        patch.check(model)
    try:
        with new_folder(folder) as temporary:
            module.write(model, patches, temporary)
            write_file(temporary / EDITS, pretty_json(describe_revision(model, patches)))
    except (OSError, SafetensorError) as error:
        raise LedgerError(
            f"'{folder}' could not be written ({error}); nothing was left there. Make room and try again."
        ) from error
    return folder


def total_changes(patches: Sequence[Patch]) -> tuple[SiteDelta, ...]:
    """One change a site: all patches side by side, the rank bounded."""
    revision = Revision(deltas=tuple(patch.delta for patch in patches))
    return tuple(limit_rank(change) for change in revision.changes)


def describe_revision(model: EditableModel, patches: Sequence[Patch]) -> dict[str, Any]:
    """``edits.json`` of an export: every patch, and the digests of the tensors with all of them merged."""
    revision = Revision(deltas=tuple(patch.delta for patch in patches))
    return {
        "schema": SCHEMA,
        "revision": revision.id,
        "patches": [patch.describe() for patch in patches],
        "merged": {f"{change.site}.weight": merged_digests(model, change) for change in revision.changes},
    }
