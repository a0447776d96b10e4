"""Open a checkpoint by name, whatever its files are: safetensors in one file or many, GGUF, an adapter over a base.

Pickles are refused, because reading one runs whatever program it holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from emendo.audit.formats import Checkpoint, adapter, gguf, safetensors
from emendo.errors import ModelUnavailable
from emendo.home import default_home
from emendo.models import embedded
from emendo.models.embedded import LICENCE
from emendo.models.hub import hub_folder, is_hub_id
from emendo.models.store import converted

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def open_checkpoint(name: str, base: Checkpoint | None = None, home: Path | None = None) -> Checkpoint:
    """The checkpoint of that name: the embedded model, a folder, a file, or a hub id.

    Args:
        name: Of the checkpoint.
        base: What an adapter lies over.
        home: Where converted models are kept; `default_home` unless given.

    Raises:
        ModelUnavailable: It is not there, is pickled, or is damaged.
    """
    path = Path(name).expanduser()
    if name == embedded.NAME and not path.exists():
        home = default_home() if home is None else home
        stored = converted(home, name, embedded.embedded_gguf, LICENCE)
        return safetensors.SafetensorsFiles(name, home / "models" / stored.name)
    if path.is_dir():
        return _folder(name, path, base)
    if path.suffix in PICKLES:
        raise ModelUnavailable(_pickled(path))
    if path.is_file():
        return gguf.GgufFile(name, path) if path.suffix == ".gguf" else safetensors.SafetensorsFiles(name, path)
    if not is_hub_id(name):
        raise ModelUnavailable(
            f"There is no '{name}'; give '{embedded.NAME}', a folder, a .safetensors or .gguf file, or a hub id."
        )
    return _folder(name, hub_folder(name), base)


def checkpoint_digest(digests: Iterable[tuple[str, str]]) -> str:
    """`EditableModel.digest` of a model with these tensors and no tied ones, from their names and digests."""
    lines = sorted(f"{name} {digest}" for name, digest in digests)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _folder(name: str, path: Path, base: Checkpoint | None) -> Checkpoint:
    if (path / adapter.CONFIG).is_file():
        if base is None:
            raise ModelUnavailable(f"'{name}' is an adapter, which is nothing without its base; name the base with --base.")
        return adapter.AdapterOver(name, path, base)
    if any(path.glob("*.safetensors")):
        return safetensors.SafetensorsFiles(name, path)
    found = next((file for file in sorted(path.glob("*.gguf"))), None)
    if found is not None:
        return gguf.GgufFile(name, found)
    pickled = next((file for file in sorted(path.iterdir()) if file.suffix in PICKLES), None)
    if pickled is not None:
        raise ModelUnavailable(_pickled(pickled))
    raise ModelUnavailable(f"'{name}' holds no *.safetensors and no *.gguf; give the folder or file that holds the weights.")


def _pickled(path: Path) -> str:
    return (
        f"'{path}' is a pickle, which can run any program when it is read, so it was not opened; convert it to safetensors on a "
        "machine that has nothing to lose, and audit that."
    )
