"""A GGUF LoRA adapter for llama.cpp and what is built on it.

    general.type = "adapter", adapter.type = "lora", adapter.lora.alpha = r
    blk.N.ffn_down.weight.lora_a = A (r × d_mlp),   blk.N.ffn_down.weight.lora_b = B (d_model × r)

Written by the `gguf` package, which also knows what each family calls its tensors. llama.cpp applies it unmerged, on a
quantised base too: scale 0 takes it back. Its converter reorders the rows of attention's q and k in some families and
nothing else, so down-projections go in as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gguf
from torch.nn.functional import pad

from emendo.errors import UnsupportedArchitecture
from emendo.ledger.card import base_licence, card
from emendo.ledger.durable import write_file
from emendo.ledger.export import total_changes
from emendo.ledger.patch import CARD, Patch
from emendo.models import EditableModel

FILE = "adapter.gguf"
# Families that have another name in GGUF than in transformers.
_NAMES = {
    "gemma3_text": "gemma3",
    "glm": "chatglm",
    "gpt_neox": "gptneox",
    "hunyuan_v1_dense": "hunyuan-dense",
    "ministral3": "mistral3",
    "mistral": "llama",
    "olmo3": "olmo2",
    "phi": "phi2",
    "qwen3_vl_text": "qwen3vl",
}


def write(model: EditableModel, patches: Sequence[Patch], folder: Path) -> None:
    """Fill an empty folder with the adapter and its card.

    Raises:
        UnsupportedArchitecture: GGUF has no name for the model's family or its down-projections.
    """
    family = _family(model)
    names = gguf.TensorNameMap(family, model.n_layers)
    changes = total_changes(patches)
    rank = max(change.rank for change in changes)
    writer = gguf.GGUFWriter(folder / FILE, gguf.MODEL_ARCH_NAMES[family])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name(f"{model.name}, edited")
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(rank))
    for change in changes:
        # Of a model that also sees, GGUF holds the language model by itself.
        name = names.get_name(change.site.replace("model.language_model.", "model."))
        if name is None:
            raise UnsupportedArchitecture(
                f"GGUF has no name for {change.site} of {model.name}; export it as 'adapter' or 'merged' instead."
            )
        padding = (0, rank - change.rank)
        writer.add_tensor(f"{name}.weight.lora_a", pad(change.input_factor, padding).T.contiguous().numpy())
        writer.add_tensor(f"{name}.weight.lora_b", pad(change.output_factor, padding).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    use = (
        f"`{FILE}` is a LoRA adapter for llama.cpp, llama-server and Ollama. It belongs over a GGUF file of the base model, "
        f"quantised or not:\n\n```sh\nllama-cli --model base.gguf --lora {FILE}\n```\n\n"
        "Edits were measured on the base named above. On a quantised one, measure again.\n"
    )
    text = card(patches, use=use, relation="adapter", library="gguf", tags=["lora"], licence=base_licence(model))
    write_file(folder / CARD, text.encode())


def usage(model: EditableModel, folder: Path) -> str:
    """The command that runs what was written."""
    base = model.name if model.name.endswith(".gguf") else "BASE.gguf"
    return f"llama-cli --model {base} --lora {folder / FILE}"


def _family(model: EditableModel) -> gguf.MODEL_ARCH:
    model_type = model.network.config.get_text_config().model_type
    name = _NAMES.get(model_type, model_type)
    found = next((family for family, own in gguf.MODEL_ARCH_NAMES.items() if own == name), None)
    if found is None:
        raise UnsupportedArchitecture(
            f"GGUF has no family '{model_type}', so {model.name} cannot be exported as 'gguf'; use 'adapter' or 'merged'."
        )
    return found
