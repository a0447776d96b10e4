"""The check that the short cuts are exact, and that it notices where they are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from emendo.models import EditableModel, check_equality


def test_short_cuts_are_exact_in_every_family(any_tiny: EditableModel) -> None:
    equality = check_equality(any_tiny)
    assert equality.resumed_holds
    assert equality.cached_holds
    assert max(equality.resumed, equality.cached) < 1e-5


def test_a_model_that_looks_ahead_is_found_out(tiny: EditableModel) -> None:
    def look_ahead(_: torch.nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + output.mean(dim=1, keepdim=True)

    handle = tiny.blocks[1].register_forward_hook(look_ahead)
    try:
        equality = check_equality(tiny)
    finally:
        handle.remove()
    assert not equality.cached_holds
    assert not equality.resumed_holds


@pytest.mark.real
def test_short_cuts_are_exact_in_the_embedded_model(real: EditableModel) -> None:
    equality = check_equality(real)
    assert equality.resumed_holds
    assert equality.cached_holds
