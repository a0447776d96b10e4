"""Load a model by name: the embedded default, a hub id, a local folder or a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from emendo.errors import EmendoError, InvalidRequest, ModelUnavailable, UnsupportedArchitecture
from emendo.home import default_home
from emendo.models import embedded
from emendo.models.architecture import architecture_for
from emendo.models.editable import EditableModel
from emendo.models.hub import hub_folder, is_hub_id
from emendo.models.source import DeviceMap, Source
from emendo.models.store import StoredModel, converted

_WEIGHT_FILES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


def load_model(
    name: str = embedded.NAME,
    *,
    dtype: torch.dtype | None = None,
    device: str | DeviceMap | None = None,
    home: Path | None = None,
) -> EditableModel:
    """The model of that name, ready to be read, edited and run.

    Args:
        name: ``smollm2-135m`` (embedded), a folder, a ``.gguf`` file, or a hub id.
        dtype: Precision of the weights; as stored unless given.
        device: "cpu", "cuda", "cuda:1", "mps", "auto" to spread a large model over what there is, or a map from module paths to
            devices, "cpu" and "disk", as accelerate takes it; a GPU if there is one unless given.
        home: Where converted models are kept; `default_home` unless given.

    Raises:
        ModelUnavailable: It is not here and cannot be fetched, or cannot be read.
        UnsupportedArchitecture: Its family is not known.
    """
    home = default_home() if home is None else home
    path = Path(name).expanduser()
    source = Source(
        name=str(path.resolve()) if path.exists() and name != embedded.NAME else name,
        dtype=None if dtype is None else str(dtype).removeprefix("torch."),
        device=device,
        home=str(home.resolve()),
    )
    stored: StoredModel | None = None
    if name == embedded.NAME:
        stored = converted(home, name, embedded.embedded_gguf, embedded.LICENCE)
    elif path.suffix == ".gguf":
        if not path.is_file():
            raise ModelUnavailable(f"There is no file '{name}'; give the path of a .gguf file.")
        stored = converted(home, f"{path.stem}-{embedded.file_digest(path)[:12]}", lambda: nullcontext(path))
    if stored is not None:
        return _load(home / "models" / stored.name, name, dtype, source, digest=stored.digest if dtype is None else None)
    if path.is_dir():
        return _load(path, name, dtype, source)
    if path.suffix in _WEIGHT_FILES:
        raise ModelUnavailable(
            f"'{name}' names a single weight file; give the folder that holds it with its config.json and tokenizer."
        )
    if not is_hub_id(name):
        raise ModelUnavailable(
            f"There is no folder '{name}'; give '{embedded.NAME}', a folder with config.json and safetensors, a .gguf file, "
            "or a hub id."
        )
    return _load(hub_folder(name), name, dtype, source)


def auto_class(config: PreTrainedConfig) -> type[Any]:
    """The class of transformers that loads models of a configuration, those that also see among them."""
    sees = config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    loader: type[Any] = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    return loader


def loaded_from(model: EditableModel) -> dict[str, Any]:
    """What `load_again` takes, of a model that was loaded by name.

    Raises:
        InvalidRequest: It was made in this process.
    """
    if model.source is None:
        raise InvalidRequest(
            f"The model '{model.name}' was made in this process, so that other processes cannot load it; save it, and load it from "
            "its folder."
        )
    return model.source.to_dict()


def load_again(source: Mapping[str, Any], digest: str) -> EditableModel:
    """The model that another process has loaded.

    Args:
        source: What `loaded_from` told there.
        digest: Of its weights.

    Raises:
        ModelUnavailable: It is not here, or its weights are others here.
    """
    dtype = None if source["dtype"] is None else getattr(torch, source["dtype"])
    model = load_model(source["name"], dtype=dtype, device=source["device"], home=Path(source["home"]))
    if model.digest != digest:
        raise ModelUnavailable(
            f"'{source['name']}' has other weights here ({model.digest[:12]}) than where the run was started ({digest[:12]}); let "
            "every worker find the same files."
        )
    return model


def _load(folder: Path, name: str, dtype: torch.dtype | None, source: Source, digest: str | None = None) -> EditableModel:
    _check_files(folder, name)
    transformers_logging.disable_progress_bar()
    device = source.device or ("cuda" if torch.cuda.is_available() else "cpu")
    is_split = device == "auto" or not isinstance(device, str)
    if is_split and find_spec("accelerate") is None:
        raise ModelUnavailable(
            f"Spreading '{name}' over several devices needs the package accelerate, which is not installed; run pip install "
            "accelerate."
        )
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        architecture_for(config)
        if "quantization_config" in config.to_dict():
            raise UnsupportedArchitecture(
                f"The weights of '{name}' are quantised in a way that cannot be edited; "
                "give the model in full precision, or as a .gguf file."
            )
        network, report = auto_class(config).from_pretrained(
            folder,
            config=config,
            dtype=dtype or "auto",
            device_map=device if is_split else None,
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
    if not is_split:
        network = network.to(device)
    return EditableModel(network, tokenizer, name, folder, digest, source)


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
