"""OLMo 2 and 3 and EXAONE 4, which norm the outputs of attention and MLP after their last matrix."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("olmo2", "olmo3", "exaone4"),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_proj", "mlp.up_proj"),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
