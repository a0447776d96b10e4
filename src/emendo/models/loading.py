"""Load a model by name: the embedded default, a hub id, a local folder or a GGUF file."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from emendo.errors import ModelUnavailable
from emendo.home import default_home
from emendo.models import embedded
from emendo.models.architecture import architecture_for
from emendo.models.editable import EditableModel
from emendo.models.store import convert_gguf, stored_model


def load_model(
    name: str = embedded.NAME,
    *,
    dtype: torch.dtype | None = None,
    device: str | None = None,
    home: Path | None = None,
) -> EditableModel:
    """The model of that name, ready to be read, edited and run.

    Args:
        name: ``smollm2-135m`` (embedded), a folder, a ``.gguf`` file, or a hub id.
        dtype: Precision of the weights; as stored unless given.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" to spread a large model over what there is; a GPU if there is one
            unless given.
        home: Where converted models are kept; `default_home` unless given.

    Raises:
        ModelUnavailable: It is not here and cannot be fetched, or cannot be read.
        UnsupportedArchitecture: Its family is not known.
    """
    home = default_home() if home is None else home
    path = Path(name).expanduser()
    if name == embedded.NAME:
        stored = stored_model(home, name)
        if stored is None:
            with embedded.embedded_gguf() as gguf:
                stored = convert_gguf(gguf, embedded.SHA256, home, name, embedded.LICENCE)
    elif path.suffix == ".gguf":
        if not path.is_file():
            raise ModelUnavailable(f"There is no file '{name}'; give the path of a .gguf file.")
        sha256 = embedded.file_digest(path)
        stored = stored_model(home, f"{path.stem}-{sha256[:12]}") or convert_gguf(
            path, sha256, home, f"{path.stem}-{sha256[:12]}"
        )
    elif path.is_dir():
        return _load(str(path), name, dtype, device, folder=path)
    elif path.suffix in (".safetensors", ".bin", ".pt", ".pth", ".ckpt"):
        raise ModelUnavailable(
            f"'{name}' is a single weight file; give the folder that holds it with its config.json and tokenizer."
        )
    else:
        return _load(name, name, dtype, device, folder=None)
    folder = home / "models" / stored.name
    return _load(str(folder), name, dtype, device, folder=folder, digest=stored.digest if dtype is None else None)


def _load(
    where: str,
    name: str,
    dtype: torch.dtype | None,
    device: str | None,
    folder: Path | None,
    digest: str | None = None,
) -> EditableModel:
    transformers_logging.disable_progress_bar()
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False)
        architecture_for(config)
        network = AutoModelForCausalLM.from_pretrained(
            where,
            config=config,
            dtype=dtype or "auto",
            device_map=device if device == "auto" else None,
            use_safetensors=True,
            trust_remote_code=False,
        )
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"The model '{name}' is neither here nor could it be fetched ({str(error).splitlines()[0]}). Give "
            f"'{embedded.NAME}', a folder with config.json and safetensors, a .gguf file, or a hub id where there is network."
        ) from error
    if not tokenizer.is_fast:
        raise ModelUnavailable(f"The tokenizer of '{name}' gives no character offsets; a tokenizer.json is needed.")
    if device != "auto":
        network = network.to(device)
    return EditableModel(network, tokenizer, name, folder, digest)
