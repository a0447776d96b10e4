"""Which layer to edit.

Causal tracing explains and does not choose (Hase et al. 2023). In order: what was measured on this very model (a profile by weights
digest, `profiles.json`), what was published for models of this shape, and else the same relative depth as published on average.
"""

from __future__ import annotations

import json
from importlib.resources import files

from emendo.models import EditableModel

# (model type, layers, width) → layer, as the authors of ROME and MEMIT and their successors chose it by measurement.
PUBLISHED = {
    ("gpt2", 24, 1024): 8,
    ("gpt2", 36, 1280): 12,
    ("gpt2", 48, 1600): 17,
    ("gptj", 28, 4096): 5,
    ("gpt_neox", 44, 6144): 15,
    ("llama", 32, 4096): 5,
    ("mistral", 32, 4096): 5,
    ("qwen2", 28, 3584): 5,
}
RELATIVE_DEPTH = 0.3


def edited_layer(model: EditableModel, method: str) -> int:
    """The layer that a method edits unless told otherwise."""
    profiles = json.loads(files("emendo.edit").joinpath("profiles.json").read_text(encoding="utf-8"))
    measured = profiles.get(model.digest, {}).get(method)
    if measured is not None:
        return int(measured["layer"])
    shape = (model.network.config.model_type, model.n_layers, model.d_model)
    return PUBLISHED.get(shape, round(RELATIVE_DEPTH * (model.n_layers - 1)))
