"""Gemma 3, Mistral 3, Qwen 3-VL, InternVL and LLaVA, which also see: of what they are, the language model is read and edited."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("gemma3", "mistral3", "qwen3_vl", "internvl", "llava"),
    blocks="model.language_model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_proj", "mlp.up_proj"),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.language_model.norm",
)
