"""A Hugging Face folder with the edits merged into the weights.

    W' = round(float32(W) + float32(Δ))

from the base tensors, once for the whole revision, rounded to the type in which W is stored. In bfloat16 and float16 the
rounding takes away a part of a small edit; the card says so. One shard is in memory at a time besides the model itself, and
of that only the merged tensors are copies.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers.core_model_loading import revert_weight_conversion

from emendo.ledger.card import base_licence, card
from emendo.ledger.durable import write_file
from emendo.ledger.low_rank import merged_weight
from emendo.ledger.patch import CARD, Patch
from emendo.models import EditableModel, Revision, auto_class

_SHARD = "4GB"


def write(model: EditableModel, patches: Sequence[Patch], folder: Path) -> None:
    """Fill an empty folder with weights, configuration, tokenizer and card."""
    revision = Revision(deltas=tuple(patch.delta for patch in patches))
    changes = {f"{change.site}.weight": change for change in revision.changes}
    tied = set(model.network.all_tied_weights_keys)
    held = {name: model.tensor(name).detach() for name in model.network.state_dict() if name not in tied}
    # Some models were published under other names than transformers gives their parts, and are read by others under those.
    tensors = revert_weight_conversion(model.network, held)
    changed = {id(held[name]): change for name, change in changes.items()}
    if not changed.keys() <= {id(tensor) for tensor in tensors.values()}:
        # More than names differ, and a changed tensor was computed anew without its change.
        tensors = held
    plan = split_torch_state_dict_into_shards(tensors, filename_pattern="model{suffix}.safetensors", max_shard_size=_SHARD)
    for file, names in plan.filename_to_tensors.items():
        shard = {
            name: merged_weight(model, changed[id(tensors[name])]).to(tensors[name].dtype)
            if id(tensors[name]) in changed
            else tensors[name].cpu().contiguous()
            for name in names
        }
        save_file(shard, folder / file, metadata={"format": "pt"})
    if plan.is_sharded:
        index = {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename}
        write_file(folder / "model.safetensors.index.json", json.dumps(index, indent=2).encode())
    config = copy.deepcopy(model.network.config)
    config.architectures = [type(model.network).__name__]
    config.save_pretrained(folder)
    # Not `save_pretrained`, which refuses what some published models state.
    model.network.generation_config.to_json_file(folder / "generation_config.json")
    model.tokenizer.save_pretrained(folder)
    text = card(patches, use=_use(model), relation="finetune", library="transformers", licence=base_licence(model))
    write_file(folder / CARD, text.encode())


def usage(model: EditableModel, folder: Path) -> str:
    """The lines of Python that load what was written."""
    loader = auto_class(model.network.config).__name__
    return "\n".join(
        [
            f"from transformers import {loader}, AutoTokenizer",
            f'model = {loader}.from_pretrained("{folder}")',
            f'tokenizer = AutoTokenizer.from_pretrained("{folder}")',
        ]
    )


def _use(model: EditableModel) -> str:
    text = (
        "This folder is a whole model with the edits merged into its weights; "
        f'`{auto_class(model.network.config).__name__}.from_pretrained("this-folder")` loads it. '
        "Merged edits cannot be taken out again: keep the base model, or the adapter, for that.\n"
    )
    if model.dtype == torch.float32:
        return text
    kind = str(model.dtype).removeprefix("torch.")
    return text + (
        f"\nThe weights are stored in {kind}. The sum was computed in float32 and rounded once, which takes a part of a "
        "small edit away: measure this folder, not the adapter.\n"
    )
