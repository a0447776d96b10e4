"""StarCoder 2, whose MLP has no gate."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("starcoder2",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.c_fc",),
    activation="mlp.act",
    down_projection="mlp.c_proj",
    final_norm="model.norm",
)
