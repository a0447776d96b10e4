"""Llama 2 and 3, SmolLM2, TinyLlama and their kin."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("llama",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_proj", "mlp.up_proj"),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
