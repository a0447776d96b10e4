"""Gemma 3, text only, which norms the MLP's output after the down-projection."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("gemma3_text",),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_proj", "mlp.up_proj"),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
    logit_softcap="final_logit_softcapping",
)
