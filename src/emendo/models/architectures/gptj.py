"""GPT-J, whose attention and MLP read the same normed input."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("gptj",),
    blocks="transformer.h",
    attention="attn",
    mlp="mlp",
    up_projections=("mlp.fc_in",),
    activation="mlp.act",
    down_projection="mlp.fc_out",
    final_norm="transformer.ln_f",
)
