"""Load a model by name: the embedded default, a hub id, a local folder or a GGUF file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from emendo.errors import EmendoError, ModelUnavailable, UnsupportedArchitecture
from emendo.home import default_home
from emendo.models import embedded
from emendo.models.architecture import architecture_for
from emendo.models.editable import EditableModel
from emendo.models.hub import hub_folder, is_hub_id
from emendo.models.store import StoredModel, converted

_WEIGHT_FILES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


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
    stored: StoredModel | None = None
    if name == embedded.NAME:
        stored = converted(home, name, embedded.embedded_gguf, embedded.LICENCE)
    elif path.suffix == ".gguf":
        if not path.is_file():
            raise ModelUnavailable(f"There is no file '{name}'; give the path of a .gguf file.")
        stored = converted(home, f"{path.stem}-{embedded.file_digest(path)[:12]}", lambda: nullcontext(path))
    if stored is not None:
        return _load(home / "models" / stored.name, name, dtype, device, digest=stored.digest if dtype is None else None)
    if path.is_dir():
        return _load(path, name, dtype, device)
    if path.suffix in _WEIGHT_FILES:
        raise ModelUnavailable(
            f"'{name}' names a single weight file; give the folder that holds it with its config.json and tokenizer."
        )
    if not is_hub_id(name):
        raise ModelUnavailable(
            f"There is no folder '{name}'; give '{embedded.NAME}', a folder with config.json and safetensors, a .gguf file, "
            "or a hub id."
        )
    return _load(hub_folder(name), name, dtype, device)


def _load(
    folder: Path, name: str, dtype: torch.dtype | None, device: str | None, digest: str | None = None
) -> EditableModel:
    _check_files(folder, name)
    transformers_logging.disable_progress_bar()
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        architecture_for(config)
        if "quantization_config" in config.to_dict():
            raise UnsupportedArchitecture(
                f"The weights of '{name}' are quantised in a way that cannot be edited; "
                "give the model in full precision, or as a .gguf file."
            )
        network, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype or "auto",
            device_map=device if device == "auto" else None,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except EmendoError:
        raise
    except Exception as error:  # damaged files fail in as many ways as there are readers below
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(f"The model '{name}' could not be read from {folder} ({reason}); fetch it again.") from error
    if report["missing_keys"]:
        # transformers would fill these with random numbers.
        first, *others = sorted(report["missing_keys"])
        raise ModelUnavailable(
            f"The files of '{name}' lack the tensor '{first}'{f' and {len(others)} more' if others else ''}; fetch it again."
        )
    if not tokenizer.is_fast:
        raise ModelUnavailable(f"The tokenizer of '{name}' gives no character offsets; a tokenizer.json is needed.")
    if device != "auto":
        network = network.to(device)
    return EditableModel(network, tokenizer, name, folder, digest)


def _check_files(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        raise ModelUnavailable(f"'{name}' has no config.json; give a folder with config.json, safetensors and a tokenizer.")
    if any(folder.glob("*.safetensors")):
        return
    if any(file.suffix in _WEIGHT_FILES for file in folder.iterdir()):
        raise ModelUnavailable(
            f"The weights of '{name}' are pickled, and pickle is never opened because it can run any program; "
            "convert them to safetensors."
        )
    raise ModelUnavailable(f"'{name}' holds no *.safetensors; give a folder with config.json, safetensors and a tokenizer.")
