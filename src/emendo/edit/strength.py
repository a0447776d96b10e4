"""An edit more or less strong than it was computed: what it adds is scaled, and gates that open for it are not.

A change of a down-projection is linear: s Δ adds s δ. Hidden units that are written are not, since half of a gate does not open. Of
those the rows stay as written, and of the columns E that they add to the residual stream, s times is added,

    W' E = s (W + Δ) E,      so that the change is s Δ + (s − 1) W E Eᵀ.
"""

from __future__ import annotations

from dataclasses import replace

from emendo.edit.hidden_units import written_units
from emendo.models import EditableModel, Revision, SiteDelta, WeightDelta


def at_strength(model: EditableModel, delta: WeightDelta, strength: float) -> WeightDelta:
    """An edit of so many times its effect; itself at 1.

    Args:
        model: The model.
        delta: What was computed.
        strength: s, above zero.
    """
    return (
        delta if strength == 1.0 else WeightDelta(changes=tuple(_changed(model, delta, c, strength) for c in delta.changes))
    )


def _changed(model: EditableModel, delta: WeightDelta, change: SiteDelta, strength: float) -> SiteDelta:
    layer = model.layer_of(change.site)
    if not written_units(model, layer, Revision(deltas=(delta,))):
        return replace(change, output_factor=change.output_factor * strength)
    if change.site != model.down_projection(layer):
        return change
    before = model.weight(change.site).float().cpu() @ change.input_factor
    return replace(change, output_factor=strength * change.output_factor + (strength - 1) * before)
