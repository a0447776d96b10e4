"""The models that were converted once and are loaded from there: `$EMENDO_HOME/models`.

Each is a Hugging Face folder with one more file, ``emendo.json``: where it came from, under which licence, and its digest. A
folder is made under another name and renamed when it is whole, so a conversion that is killed leaves no half model.
"""

from __future__ import annotations

import io
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, redirect_stderr
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock
from gguf import GGUFReader
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from emendo.errors import EmendoError, ModelUnavailable
from emendo.models.editable import EditableModel
from emendo.models.embedded import file_digest

_CARD = "emendo.json"

_log = logging.getLogger(__name__)


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
    for card in sorted((home / "models").glob(f"[!.]*/{_CARD}")):
        yield StoredModel(**json.loads(card.read_text(encoding="utf-8")))


def stored_model(home: Path, name: str) -> StoredModel | None:
    """The stored model of that name, if there is one."""
    return next((model for model in stored_models(home) if model.name == name), None)


def stored_source(folder: Path) -> str | None:
    """Name of the file that a folder of the store was converted from; None for any other folder."""
    card = folder / _CARD
    return str(json.loads(card.read_text(encoding="utf-8"))["source"]) if card.is_file() else None


def converted(
    home: Path, name: str, gguf: Callable[[], AbstractContextManager[Path]], licence: str | None = None
) -> StoredModel:
    """The stored model of that name, converted from a GGUF file now if it is not there yet.

    Of several processes that ask at once, one converts and the others wait for it.

    Args:
        home: Emendo's data folder.
        name: The model's name in the store.
        gguf: Gives the file, for as long as its context lasts; asked only if the model is not there.
        licence: The file's licence; what the file itself states unless given.

    Raises:
        ModelUnavailable: The file cannot be had or read.
    """
    found = stored_model(home, name)
    if found is not None:
        return found
    models = home / "models"
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f".{name}.lock"):
        # Whatever a killed conversion left: nobody else is at work on this name while the lock is held.
        for leftover in models.glob(f".{name}-*"):
            shutil.rmtree(leftover)
        found = stored_model(home, name)
        if found is None:
            with gguf() as path:
                _log.info("Converting %s to safetensors, once: this takes about half a minute.", path.name)
                found = _convert(path, models, name, licence)
    return found


def _convert(path: Path, models: Path, name: str, licence: str | None) -> StoredModel:
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=models, ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        network, tokenizer = _read(path)
        digest = EditableModel(network, tokenizer, name).digest
        # A model read from GGUF is marked as quantised and refuses `save_pretrained`, although its tensors are float32.
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
            source_sha256=file_digest(path),
            licence=licence or _licence(path),
            digest=digest,
            bytes=sum(file.stat().st_size for file in folder.iterdir()),
        )
        (folder / _CARD).write_text(json.dumps(asdict(stored), indent=2) + "\n", encoding="utf-8")
        folder.rename(models / name)
        return stored


def _read(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        # transformers draws a bar of its own on standard error, whether bars are wanted or not.
        with redirect_stderr(io.StringIO()):
            tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
            return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32), tokenizer
    except EmendoError:
        raise
    except Exception as error:  # damaged files fail in as many ways as there are readers below
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(
            f"'{path.name}' could not be read as a GGUF model ({reason}); give a whole .gguf file of a supported family."
        ) from error


def _licence(path: Path) -> str:
    field = GGUFReader(path).get_field("general.license")
    return "unknown" if field is None else str(field.contents())
