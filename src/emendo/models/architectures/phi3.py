"""Phi 3 and 4."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("phi3",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_up_proj",),
    activation="mlp.activation_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
