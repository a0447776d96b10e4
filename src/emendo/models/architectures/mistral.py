"""Mistral."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("mistral",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_proj", "mlp.up_proj"),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
