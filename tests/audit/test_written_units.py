"""What is written into a few hidden units stands out of what reaches all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from emendo.audit.classes import EDITED, WRITTEN
from emendo.audit.written_units import STEP, greatest_step

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("count", [1, 7])
def test_units_are_told_from_what_is_laid_over_all_of_them(count: int, spread: float) -> None:
    lengths = torch.exp(spread * torch.randn(1000, generator=torch.Generator().manual_seed(0)))
    assert greatest_step(lengths).height < STEP
    chosen = torch.arange(count) * 100
    lengths[chosen] = 2 * STEP * lengths.max()
    step = greatest_step(lengths)
    assert set(step.units) == set(chosen.tolist())
    assert step.height > STEP


def test_a_step_is_the_same_at_any_strength_and_bounded_where_the_others_were_left_alone() -> None:
    lengths = torch.zeros(50)
    lengths[3] = 0.2
    assert greatest_step(lengths) == greatest_step(1000 * lengths)
    assert greatest_step(lengths).units == (3,)
    assert greatest_step(lengths).height == pytest.approx(1e4)


def test_a_row_that_rounding_explains_is_no_step() -> None:
    lengths = torch.tensor([6.0, *[1.0] * 99])
    assert greatest_step(lengths).height == 6
    assert greatest_step(lengths, noise=3.0).height == 2


def test_units_that_are_many_are_no_step() -> None:
    lengths = torch.ones(100)
    lengths[:11] = 100
    assert greatest_step(lengths).height == 1
    lengths[10] = 1
    assert len(greatest_step(lengths).units) == 10


def test_probability_and_limit_are_those_that_were_measured() -> None:
    found = json.loads((RESULTS / "auditing_hidden_units.json").read_text(encoding="utf-8"))
    assert found["limit"] == STEP
    assert max(row["greatest step"] for row in found["benign"].values()) < STEP
    assert found["probability"] == WRITTEN > EDITED
