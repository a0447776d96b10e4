"""Phi 3 and 4 and GLM 4, whose gate and other half are one matrix."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("phi3", "glm", "glm4"),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_up_proj",),
    activation="mlp.activation_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
