"""Fetch a model from the Hugging Face hub once; from then on it is found without a network."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, scan_cache_dir, snapshot_download
from huggingface_hub import errors as hub_errors
from huggingface_hub.errors import CacheNotFound, GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.repocard import metadata_load

from emendo.errors import ModelUnavailable

_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_WANTED = ["*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model", "README.md"]
# Folders hold conversions for other programs, "consolidated" the same weights once more.
_UNWANTED = ["*/*", "consolidated*"]
_SECONDS_TO_ANSWER = 5.0
# The root of all that goes wrong on the way, from whichever HTTP library the hub's client uses.
_HTTP_ERROR: type[Exception] = hub_errors.HTTPError  # type: ignore[attr-defined]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HubModel:
    """A model that was fetched from the hub.

    Attributes:
        name: Its hub id.
        commit: The state of its repository that was fetched.
        licence: As its card states it; "unknown" where it does not.
        bytes: Size of its files, in bytes.
    """

    name: str
    commit: str
    licence: str
    bytes: int


def hub_models() -> Iterator[HubModel]:
    """The hub models that are found without a network, by name."""
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return
    for repository in sorted(repositories, key=lambda r: r.repo_id):
        for revision in repository.revisions:
            if "main" in revision.refs and any(revision.snapshot_path.glob("*.safetensors")):
                card = revision.snapshot_path / "README.md"
                about = metadata_load(card) if card.is_file() else None
                yield HubModel(
                    name=repository.repo_id,
                    commit=revision.commit_hash,
                    licence=str((about or {}).get("license", "unknown")),
                    bytes=revision.size_on_disk,
                )


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
