"""The two files that make a change of weights a LoRA adapter as PEFT reads it.

    W_eff = W + (α / r) B A,      A = Vᵀ (r × d_mlp),   B = U (d_model × r),   α = r

One rank for all sites, smaller ones padded with zeros, because several consumers ignore ``rank_pattern``; module paths in
full; a family that stores its matrices transposed keeps the same A and B and says ``fan_in_fan_out``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn.functional import pad

from emendo.errors import CorruptPatch
from emendo.ledger.durable import write_file
from emendo.models import SiteDelta

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"


def write_adapter(
    folder: Path, changes: Sequence[SiteDelta], *, base_name: str, base_revision: str | None, transposed: bool
) -> None:
    """Write the changes into a folder, as an adapter for the base of that name."""
    rank = max(change.rank for change in changes)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "revision": base_revision,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": [change.site for change in changes],
        "fan_in_fan_out": transposed,
        "inference_mode": True,
    }
    tensors = {}
    for change in changes:
        padding = (0, rank - change.rank)
        tensors[_key(change.site, "A")] = pad(change.input_factor, padding).T.contiguous()
        tensors[_key(change.site, "B")] = pad(change.output_factor, padding).contiguous()
    write_file(folder / CONFIG, (json.dumps(config, indent=2, sort_keys=True) + "\n").encode())
    write_file(folder / TENSORS, save(tensors, metadata={"format": "pt"}))


def read_adapter(folder: Path, ranks: Mapping[str, int]) -> tuple[SiteDelta, ...]:
    """The changes in a folder, padding taken off.

    Args:
        folder: Where the two files lie.
        ranks: Rank at each site, in order.

    Raises:
        CorruptPatch: A file is missing, damaged, of another kind, or says something else than `ranks`.
    """
    config, tensors = read_json(folder / CONFIG), _tensors(folder)
    rank = max(ranks.values(), default=0)
    if config.get("target_modules") != list(ranks) or not config.get("r") == config.get("lora_alpha") == rank:
        raise CorruptPatch(f"'{folder / CONFIG}' does not fit edits.json (sites, rank or alpha differ); restore the folder.")
    if set(tensors) != {_key(site, side) for site in ranks for side in "AB"}:
        raise CorruptPatch(f"'{folder / TENSORS}' holds other tensors than edits.json names; restore the folder.")
    changes = []
    for site, own in ranks.items():
        a, b = tensors[_key(site, "A")], tensors[_key(site, "B")]
        shapes_fit = a.dim() == b.dim() == 2 and a.shape[0] == b.shape[1] == rank
        if not shapes_fit or {a.dtype, b.dtype} != {torch.float32}:
            raise CorruptPatch(
                f"The factors of {site} in '{folder / TENSORS}' are {_shape(a)} and {_shape(b)}; "
                f"{rank} × inputs and outputs × {rank} in float32 were expected."
            )
        if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
            raise CorruptPatch(f"The factors of {site} in '{folder / TENSORS}' hold NaN or infinity; restore the folder.")
        if a[own:].any() or b[:, own:].any():
            raise CorruptPatch(f"The padding of {site} in '{folder / TENSORS}' is not zero; restore the folder.")
        changes.append(SiteDelta(site=site, output_factor=b[:, :own].contiguous(), input_factor=a[:own].T.contiguous()))
    return tuple(changes)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CorruptPatch: There is no such file, or it holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CorruptPatch(f"There is no '{path}'; a patch is a folder with edits.json, {CONFIG} and {TENSORS}.") from error
    except (ValueError, RecursionError, OSError) as error:
        raise CorruptPatch(f"'{path}' is not JSON ({error}); restore the folder.") from error
    if not isinstance(value, dict):
        raise CorruptPatch(f"'{path}' does not hold a JSON object; restore the folder.")
    return value


def _key(site: str, side: str) -> str:
    return f"base_model.model.{site}.lora_{side}.weight"


def _shape(tensor: Tensor) -> str:
    return f"{' × '.join(map(str, tensor.shape))} ({str(tensor.dtype).removeprefix('torch.')})"


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / TENSORS
    if not path.is_file():
        raise CorruptPatch(f"There is no '{path}'; factors are read from safetensors only, a pickle is never opened.")
    try:
        return load(path.read_bytes())
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptPatch(f"'{path}' is not a whole safetensors file ({error}); restore the folder.") from error
