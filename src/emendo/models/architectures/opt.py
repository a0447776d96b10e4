"""OPT, whose MLP has no module of its own: its output is that of the second matrix."""

from emendo.models.architecture import Architecture

ARCHITECTURE = Architecture(
    model_types=("opt",),
    blocks="model.decoder.layers",
    attention="self_attn",
    mlp="fc2",
    up_projections=("fc1",),
    activation="activation_fn",
    down_projection="fc2",
    final_norm="model.decoder.final_layer_norm",
    output_projection="model.decoder.project_out",
)
