"""The logit lens (nostalgebraist 2020): what the model would say if it stopped after a layer.

    probabilities(l, t) = softmax(head(final_norm(resid_post(l, t))))

The last layer's are the model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from emendo.models import EditableModel, Site, TokenBatch, capture, encode, target_ids


@dataclass(frozen=True, kw_only=True, eq=False)
class LogitLens:
    """The likeliest next token after every layer at every position.

    Attributes:
        tokens: The text's tokens as text.
        top_tokens: The likeliest next token, as text: ``top_tokens[layer][position]``.
        probability: Its probability.
        target: The token that is followed through the layers: the first of a given target, else what the model says last.
        target_probability: The probability of that token.
    """

    tokens: tuple[str, ...]
    top_tokens: tuple[tuple[str, ...], ...]
    probability: Float[np.ndarray, "layers tokens"]
    target: str
    target_probability: Float[np.ndarray, "layers tokens"]

    def to_dict(self) -> dict[str, Any]:
        """The lens as JSON holds it, figures to six digits after the point."""
        return {
            "tokens": list(self.tokens),
            "top_tokens": [list(row) for row in self.top_tokens],
            "probability": self.probability.round(6).tolist(),
            "target": self.target,
            "target_probability": self.target_probability.round(6).tolist(),
        }


def logit_lens(model: EditableModel, text: str, *, target: str | None = None) -> LogitLens:
    """What the model would say at each position of a text if it stopped after each layer.

    Args:
        model: The model to look into.
        text: The text to read.
        target: What to follow through the layers; what the model says after the text unless given.
    """
    ids = encode(model, text)
    sites = [Site("resid_post", layer) for layer in range(model.n_layers)]
    tops, probabilities, followed = [], [], []
    with torch.inference_mode():
        with capture(model, sites) as seen:
            hidden = model.hidden(TokenBatch.align(model, [ids]))
        wanted = int(model.head(hidden[0, -1]).argmax()) if target is None else target_ids(model, target)[0]
        # Layer by layer: the logits of all layers at once would be large.
        for site in sites:
            layer = model.head(model.finish(seen[site])[0]).softmax(dim=-1)
            best = layer.max(dim=-1)
            tops.append(tuple(model.tokenizer.decode([token]) for token in best.indices.tolist()))
            probabilities.append(best.values.double().cpu().numpy())
            followed.append(layer[:, wanted].double().cpu().numpy())
    return LogitLens(
        tokens=tuple(model.tokenizer.decode([token]) for token in ids),
        top_tokens=tuple(tops),
        probability=np.stack(probabilities),
        target=model.tokenizer.decode([wanted]),
        target_probability=np.stack(followed),
    )
