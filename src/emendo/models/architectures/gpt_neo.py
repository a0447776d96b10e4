"""GPT-Neo, with windowed attention in every other block."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("gpt_neo",),
    blocks="transformer.h",
    attention="attn",
    mlp="mlp",
    up_projections=("mlp.c_fc",),
    activation="mlp.act",
    down_projection="mlp.c_proj",
    final_norm="transformer.ln_f",
)
