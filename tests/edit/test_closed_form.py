"""The closed-form update against the published formulas, in float64."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emendo.edit.closed_form import update_directions


def _problem(seed: int, m: int, n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(5 * n, n, generator=generator, dtype=torch.float64)
    return torch.randn(n, m, generator=generator, dtype=torch.float64), sample.T @ sample / (5 * n)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_one_key_without_slack_is_the_published_update(seed: int) -> None:
    key, second_moment = _problem(seed, m=1)
    whitened = torch.linalg.solve(second_moment, key)
    published = (whitened / (key.T @ whitened)).T
    torch.testing.assert_close(update_directions(key, second_moment, 0.0), published)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), m=st.integers(1, 6))
def test_without_slack_every_key_gets_its_residual(seed: int, m: int) -> None:
    keys, second_moment = _problem(seed, m)
    torch.testing.assert_close(update_directions(keys, second_moment, 0.0) @ keys, torch.eye(m, dtype=keys.dtype))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), slack=st.floats(0.001, 1.0))
def test_with_slack_it_is_memit_with_a_scaled_identity(seed: int, slack: float) -> None:
    keys, second_moment = _problem(seed, m=3)
    ridge = slack * (keys.T @ torch.linalg.solve(second_moment, keys)).diagonal().mean()
    # Meng et al. (2023), equation 14, with C scaled by the ridge: Δ = R Kᵀ (λC + K Kᵀ)⁻¹.
    memit = keys.T @ torch.linalg.inv(ridge * second_moment + keys @ keys.T)
    torch.testing.assert_close(update_directions(keys, second_moment, slack), memit)


def test_no_other_direction_that_serves_the_key_costs_less_on_the_corpus() -> None:
    key, second_moment = _problem(3, m=1)
    best = update_directions(key, second_moment, 0.0)[0]
    for seed in range(20):
        other = best + 0.1 * torch.randn(12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        other = other / (other @ key[:, 0])
        assert best @ second_moment @ best <= other @ second_moment @ other
