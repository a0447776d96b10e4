"""Fetch a model from the Hugging Face hub once; from then on it is found without a network."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub import errors as hub_errors
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

from emendo.errors import ModelUnavailable

_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_WANTED = ["*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model", "README.md"]
# Folders hold conversions for other programs, "consolidated" the same weights once more.
_UNWANTED = ["*/*", "consolidated*"]
_SECONDS_TO_ANSWER = 5.0
# The root of all that goes wrong on the way, from whichever HTTP library the hub's client uses.
_HTTP_ERROR: type[Exception] = hub_errors.HTTPError  # type: ignore[attr-defined]

_log = logging.getLogger(__name__)


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a hub id, "owner/model" or "model"."""
    return _ID.fullmatch(name) is not None


def hub_folder(name: str) -> Path:
    """The folder of a hub model: as it was fetched before, whatever the hub has now, else fetched.

    Raises:
        ModelUnavailable: There is no such model, it may not be fetched, or the hub cannot be reached.
    """
    try:
        folder = Path(snapshot_download(name, allow_patterns=_WANTED, ignore_patterns=_UNWANTED, local_files_only=True))
        if any(folder.glob("*.safetensors")):
            return folder
    except LocalEntryNotFoundError:
        pass
    try:
        about = HfApi().model_info(name, timeout=_SECONDS_TO_ANSWER)
        if not any(file.rfilename.endswith(".safetensors") for file in about.siblings or ()):
            raise ModelUnavailable(
                f"The hub model '{name}' has no safetensors weights, and pickled ones are never opened; "
                "convert it to safetensors, or give another model."
            )
        _log.info("Fetching %s from the hub, once.", name)
        return Path(snapshot_download(name, revision=about.sha, allow_patterns=_WANTED, ignore_patterns=_UNWANTED))
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"The hub gives '{name}' only to those who accepted its terms; accept them on its page and run 'hf auth login'."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(
            f"There is no model '{name}' on the hub, and no folder of that name here; check the spelling, or give a folder "
            "with config.json and safetensors, or a .gguf file."
        ) from error
    except (_HTTP_ERROR, OSError) as error:
        raise ModelUnavailable(
            f"The model '{name}' is not here, and the hub cannot be reached ({error}); try again where there is a network, "
            "or give a folder with config.json and safetensors, or a .gguf file."
        ) from error
