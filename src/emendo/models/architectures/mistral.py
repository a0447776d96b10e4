"""Mistral."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("mistral",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
