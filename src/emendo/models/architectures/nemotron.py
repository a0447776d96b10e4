"""Nemotron and Arcee, whose MLPs have no gate and square what is positive."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("nemotron", "arcee"),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.up_proj",),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
