"""Phi 1 and 2, whose attention and MLP read the same normed input."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("phi",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.fc1",),
    activation="mlp.activation_fn",
    down_projection="mlp.fc2",
    final_norm="model.final_layernorm",
)
