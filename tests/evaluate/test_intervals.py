"""Intervals: against published values, and what any interval must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emendo.evaluate.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],  # Newcombe (1998)
)
def test_wilson_gives_the_published_bounds(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson(successes, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_within_zero_and_one(counts: tuple[int, int]) -> None:
    successes, n = counts
    interval = wilson(successes, n)
    assert 0 <= interval.low <= successes / n <= interval.high <= 1
    mirrored = wilson(n - successes, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high))


def _mean(means: np.ndarray) -> np.ndarray:
    return means[0]


def test_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, size=(1, 400))
    interval = bootstrap(values, _mean, seed=0)
    error = values.std() / 20
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_bootstrap_repeats_with_the_seed_and_moves_with_another() -> None:
    values = np.random.default_rng(1).random((1, 30))
    assert bootstrap(values, _mean, seed=3) == bootstrap(values, _mean, seed=3)
    assert bootstrap(values, _mean, seed=3).low != bootstrap(values, _mean, seed=4).low


def test_bootstrap_leaves_missing_values_out() -> None:
    values = np.array([[0.2, np.nan, 0.4, np.nan, 0.9]])
    interval = bootstrap(values, _mean, seed=0)
    assert interval.estimate == pytest.approx(0.5)
    assert 0.2 <= interval.low < 0.5 < interval.high <= 0.9


def test_bootstrap_draws_the_values_of_a_case_together() -> None:
    values = np.random.default_rng(2).random((1, 50))
    paired = np.concatenate([values, 1 - values])
    interval = bootstrap(paired, lambda means: means.sum(axis=0), seed=0)
    assert (interval.low, interval.high) == pytest.approx((1.0, 1.0))
