"""An edit is as strong as it is asked to be: what it adds is scaled, and its gates stay."""

from __future__ import annotations

import pytest
import torch
from reading import read_at_end

from emendo.edit.hidden_units import HiddenUnit, make_gate, write_unit
from emendo.edit.strength import at_strength
from emendo.models import EditableModel, Revision, Site, WeightDelta
from tiny_models import random_delta

STRENGTHS = (0.25, 1.5)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_change_of_down_projections_is_scaled_as_it_stands(tiny: EditableModel, strength: float) -> None:
    delta = random_delta(tiny, (1, 2))
    other = at_strength(tiny, delta, strength)
    for before, after in zip(delta.changes, other.changes, strict=True):
        torch.testing.assert_close(after.dense(), strength * before.dense())


def test_at_strength_one_an_edit_is_itself(tiny: EditableModel) -> None:
    delta = random_delta(tiny, (1,))
    assert at_strength(tiny, delta, 1.0) is delta


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_hidden_unit_opens_as_before_and_adds_so_many_times_as_much(any_tiny: EditableModel, strength: float) -> None:
    model, text = any_tiny, "The capital of"
    (x,) = read_at_end(model, Site("mlp_in", 1), text, Revision()).unsqueeze(0)
    opens = x / (x @ x)
    gate = make_gate(model, 1, opens=opens, always=opens, inputs=x[:, None], threshold=0.3, sharpness=9.0)
    output = torch.randn(model.d_model, generator=torch.Generator().manual_seed(0))
    units = [write_unit(model, HiddenUnit(layer=1, number=number), gate, output) for number in (5, 6)]
    both = WeightDelta(changes=tuple(change for unit in units for change in unit.changes))
    silent = WeightDelta(
        changes=tuple(
            change for n in (5, 6) for change in write_unit(model, HiddenUnit(layer=1, number=n), gate, 0 * output).changes
        )
    )

    def added(delta: WeightDelta) -> torch.Tensor:
        at, without = (read_at_end(model, Site("value", 1), text, Revision(deltas=(d,))) for d in (delta, silent))
        return at - without

    torch.testing.assert_close(added(both), 2 * output, atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(added(at_strength(model, both, strength)), 2 * strength * output, atol=5e-3, rtol=5e-3)
