"""GPT-NeoX and Pythia, whose attention and MLP run in parallel."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("gpt_neox",),
    blocks="gpt_neox.layers",
    attention="attention",
    mlp="mlp",
    up_projections=("mlp.dense_h_to_4h",),
    activation="mlp.act",
    down_projection="mlp.dense_4h_to_h",
    final_norm="gpt_neox.final_layer_norm",
)
