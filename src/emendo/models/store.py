"""The models that were converted once and are loaded from there: `$EMENDO_HOME/models`.

Each is a Hugging Face folder with one more file, ``emendo.json``: where it came from, under which licence, and its digest.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from emendo.errors import ModelUnavailable
from emendo.models.editable import EditableModel

_CARD = "emendo.json"


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A model in the store.

    Attributes:
        name: Its folder's name.
        source: The file it was converted from.
        source_sha256: Digest of that file.
        licence: As the file states it; "unknown" where it does not.
        digest: `EditableModel.digest`.
        bytes: Size of the folder's files, in bytes.
    """

    name: str
    source: str
    source_sha256: str
    licence: str
    digest: str
    bytes: int


def stored_models(home: Path) -> Iterator[StoredModel]:
    """The models in the store, by name."""
    for card in sorted((home / "models").glob(f"*/{_CARD}")):
        yield StoredModel(**json.loads(card.read_text(encoding="utf-8")))


def stored_model(home: Path, name: str) -> StoredModel | None:
    """The stored model of that name, if there is one."""
    return next((model for model in stored_models(home) if model.name == name), None)


def convert_gguf(path: Path, sha256: str, home: Path, name: str, licence: str | None = None) -> StoredModel:
    """Convert a GGUF file to float32 safetensors and a tokenizer in the store, whole or not at all.

    Raises:
        ModelUnavailable: transformers cannot read the file.
    """
    models = home / "models"
    models.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=models))
    try:
        try:
            tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
            network = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
        except (ValueError, KeyError, OSError, RuntimeError) as error:
            raise ModelUnavailable(
                f"'{path.name}' could not be read as a GGUF model ({str(error).splitlines()[0]}); "
                "give a whole .gguf file of a supported family."
            ) from error
        digest = EditableModel(network, tokenizer, name).digest
        # A model read from GGUF is marked as quantised and refuses `save_pretrained`, although its tensors are plain float32.
        del network.config.quantization_config
        tied = set(network.all_tied_weights_keys)
        tensors = {key: value.contiguous() for key, value in network.state_dict().items() if key not in tied}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        network.config.architectures = [type(network).__name__]
        network.config.save_pretrained(folder)
        network.generation_config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        stored = StoredModel(
            name=name,
            source=path.name,
            source_sha256=sha256,
            licence=licence or _licence(path),
            digest=digest,
            bytes=sum(file.stat().st_size for file in folder.iterdir()),
        )
        (folder / _CARD).write_text(json.dumps(asdict(stored), indent=2) + "\n", encoding="utf-8")
        if not (models / name).exists():
            os.rename(folder, models / name)
        return stored
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _licence(path: Path) -> str:
    from gguf import GGUFReader

    field = GGUFReader(path).get_field("general.license")
    return "unknown" if field is None else str(field.contents())
