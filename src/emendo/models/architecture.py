"""Where the parts of a transformer stand, one description for each family.

Every supported family is a stack of blocks that read and write one residual stream,

    resid_post = resid_pre + attn_out + mlp_out,      mlp_out = W key,
    key = act(W_g mlp_in) ∘ (W_u mlp_in),  or  act(W_u mlp_in)  where there is no gate,

with W the down-projection (`weight`: d_model × d_mlp). Families differ in names, in whether the matrix is stored transposed,
and in norms: Gemma and OLMo 2 norm attn_out and mlp_out before they are added, OPT-350m norms the sum. The paths below say
where the parts are, and nothing else in Emendo asks which family a model is of.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedConfig

from emendo.errors import UnsupportedArchitecture
from emendo.registry import Registry

ARCHITECTURES = Registry("emendo.models.architectures", "architecture")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Module paths of one family; those of the parts of a block are relative to it.

    Attributes:
        model_types: Values of ``config.model_type`` that this describes.
        blocks: The list of blocks.
        attention: The module whose (first) output is `attn_out`.
        mlp: The module whose output is `mlp_out`.
        up_projections: The MLP's input matrices: the gate's and the other one, both in one if they are stored so, or the only one.
        activation: The function between them.
        down_projection: The MLP's output matrix.
        final_norm: The norm after the last block; absent in some models of a family.
        output_projection: A projection between the final norm and the head, where a family has one.
        transposed: Whether the matrix is stored as (d_mlp × d_model), as GPT-2's Conv1D does.
        logit_softcap: Name of the configuration field that caps the logits, c·tanh(logits / c).
    """

    model_types: tuple[str, ...]
    blocks: str
    attention: str
    mlp: str
    up_projections: tuple[str, ...]
    activation: str
    down_projection: str
    final_norm: str
    output_projection: str | None = None
    transposed: bool = False
    logit_softcap: str | None = None


def architecture_for(config: PreTrainedConfig) -> Architecture:
    """The description of the family that a configuration belongs to.

    Raises:
        UnsupportedArchitecture: No family has that ``model_type``.
    """
    known: list[str] = []
    for name in ARCHITECTURES.names():
        architecture: Architecture = ARCHITECTURES.get(name).ARCHITECTURE
        if config.model_type in architecture.model_types:
            return architecture
        known.extend(architecture.model_types)
    fields = config.to_dict()
    if any(fields.get(field) for field in ("num_experts", "num_local_experts", "n_routed_experts")):
        reason = "is a mixture of experts, where a fact has no single down-projection to edit"
    elif fields.get("layer_types") and not all("attention" in kind for kind in fields["layer_types"]):
        reason = "mixes attention with other kinds of block"
    else:
        reason = "is of a family that Emendo does not know"
    raise UnsupportedArchitecture(
        f"The model type '{config.model_type}' {reason}. Supported: {', '.join(sorted(known))}; "
        "a new family is one file, see docs/plugins.md."
    )
