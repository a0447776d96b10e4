"""GPT-2, whose matrices are Conv1D: stored transposed."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("gpt2",),
    blocks="transformer.h",
    attention="attn",
    mlp="mlp",
    up_projections=("mlp.c_fc",),
    activation="mlp.act",
    down_projection="mlp.c_proj",
    final_norm="transformer.ln_f",
    transposed=True,
)
