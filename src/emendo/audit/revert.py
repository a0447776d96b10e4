"""The base's tensors in the suspect's folder: an edit taken back, to the bit.

    W'' = W for each tensor that differs,

never W' − Δ, which is not W in floating point. Everything beside the weights is copied as it is, but what vouches for the weights
that were there: passport, signature and bill of materials.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from emendo.audit.compare import Comparison
from emendo.audit.formats import Checkpoint
from emendo.audit.formats.safetensors import SafetensorsFiles
from emendo.errors import InvalidRequest
from emendo.ledger.patch import EDITS

VOUCHING = (EDITS, "model.sig", "bom.cdx.json")


def revert(suspect: Checkpoint, base: Checkpoint, comparison: Comparison, folder: Path) -> list[str]:
    """The names of the tensors that were put back, after writing the folder whole.

    Args:
        suspect: A folder of safetensors.
        base: The original.
        comparison: Of the two.
        folder: Where to write; it must not exist, or be empty.

    Raises:
        InvalidRequest: The folder is in use, or the suspect is of a kind that is taken back otherwise.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidRequest(f"'{folder}' exists and is not an empty folder; name a new one, nothing is overwritten.")
    if not isinstance(suspect, SafetensorsFiles) or not suspect.path.is_dir():
        raise InvalidRequest(
            f"'{suspect.name}' is no folder of safetensors, so nothing was written; an adapter is taken back by not loading it, "
            "and of a GGUF file the base is to be converted anew."
        )
    odd = [change.name for change in comparison.changes if change.kind in ("reshaped", "added", "removed")]
    if odd:
        raise InvalidRequest(
            f"'{suspect.name}' and '{base.name}' do not hold the same tensors ('{odd[0]}' differs in more than its values), so "
            "nothing was written; name the base that it was made from."
        )
    back = {change.name for change in comparison.changes}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True) as temporary:
        whole = Path(temporary) / folder.name
        whole.mkdir()
        for file in sorted(suspect.path.iterdir()):
            if file.suffix == ".safetensors":
                _write(file, whole / file.name, base, back)
            elif file.is_file() and file.name not in VOUCHING:
                shutil.copyfile(file, whole / file.name)
        _note(whole, suspect, base, sorted(back))
        if folder.exists():
            folder.rmdir()
        whole.rename(folder)
    return sorted(back)


def _write(file: Path, target: Path, base: Checkpoint, back: set[str]) -> None:
    # One shard is in memory at a time.
    with safe_open(file, framework="pt") as shard:
        tensors = {name: base.tensor(name) if name in back else shard.get_tensor(name) for name in shard.keys()}  # noqa: SIM118
        save_file(tensors, target, metadata=shard.metadata())


def _note(folder: Path, suspect: Checkpoint, base: Checkpoint, back: list[str]) -> None:
    """A card that says what the folder is now: the old one told of edits that are gone."""
    (folder / "README.md").write_text(
        f"# {base.name}, restored\n\nMade by `emendo audit --revert` from `{suspect.path.name}`: {len(back)} tensors that differed "
        f"were replaced by those of `{base.name}`.\n\n```json\n{json.dumps(back, indent=1)}\n```\n",
        encoding="utf-8",
    )
