"""Llama 2 and 3 and what is built alike: SmolLM 2 and 3, Gemma, OLMo, Ministral, StableLM, Seed-OSS, Helium, ERNIE, Hunyuan."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=(
        "llama",
        "smollm3",
        "gemma",
        "olmo",
        "ministral",
        "ministral3",
        "stablelm",
        "seed_oss",
        "helium",
        "ernie4_5",
        "hunyuan_v1_dense",
    ),
    blocks="model.layers",
    attention="self_attn",
    mlp="mlp",
    up_projections=("mlp.gate_proj", "mlp.up_proj"),
    activation="mlp.act_fn",
    down_projection="mlp.down_proj",
    final_norm="model.norm",
)
