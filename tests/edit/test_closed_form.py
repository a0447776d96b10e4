"""The closed-form update against the published formulas, in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emendo.edit.closed_form import ClosedForm

N = 12


def _moment(seed: int) -> Tensor:
    sample = torch.randn(5 * N, N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return sample.T @ sample / (5 * N)


def _keys(seed: int, m: int) -> Tensor:
    return torch.randn(N, m, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)


def _exact(form: ClosedForm, keys: Tensor, slack: float) -> Tensor:
    return form._solve(keys, slack)[1]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_one_key_without_slack_is_rome(seed: int) -> None:
    key, moment = _keys(seed, 1), _moment(seed)
    whitened = torch.linalg.solve(moment, key)
    published = (whitened / (key.T @ whitened)).T
    torch.testing.assert_close(_exact(ClosedForm.of_moment(moment), key, 0.0), published)
    torch.testing.assert_close(ClosedForm.of_moment(moment).directions(key, 0.0), published.float())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), m=st.integers(1, 6))
def test_without_slack_every_key_gets_its_residual(seed: int, m: int) -> None:
    keys = _keys(seed, m)
    torch.testing.assert_close(_exact(ClosedForm.of_moment(_moment(seed)), keys, 0.0) @ keys, torch.eye(m, dtype=keys.dtype))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), epsilon=st.floats(0.01, 1.0))
def test_an_absolute_slack_is_emmet(seed: int, epsilon: float) -> None:
    keys, moment = _keys(seed, 3), _moment(seed)
    inverse = torch.linalg.inv(moment)
    emmet = torch.linalg.inv(epsilon * torch.eye(3, dtype=keys.dtype) + keys.T @ inverse @ keys) @ keys.T @ inverse
    torch.testing.assert_close(_exact(ClosedForm.of_moment(moment), keys, epsilon), emmet)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), weight=st.floats(0.1, 20_000.0), ridge=st.floats(0.0, 20.0))
def test_a_weighted_moment_with_unit_slack_is_memit(seed: int, weight: float, ridge: float) -> None:
    keys, moment = _keys(seed, 3), _moment(seed)
    precision = weight * moment + ridge * torch.eye(N, dtype=keys.dtype)
    memit = keys.T @ torch.linalg.inv(precision + keys @ keys.T)
    torch.testing.assert_close(_exact(ClosedForm.of_moment(moment, weight=weight, ridge=ridge), keys, 1.0), memit)


def test_six_batches_in_sequence_are_memit_with_all_earlier_keys() -> None:
    moment, form, earlier = _moment(0), ClosedForm.of_moment(_moment(0), weight=3.0), torch.zeros(N, 0, dtype=torch.float64)
    for batch in range(6):
        keys = _keys(batch, 4)
        published = keys.T @ torch.linalg.inv(3.0 * moment + earlier @ earlier.T + keys @ keys.T)
        torch.testing.assert_close(_exact(form, keys, 1.0), published, atol=1e-12, rtol=1e-10)
        form, earlier = form.holding(keys, 1.0), torch.cat([earlier, keys], dim=1)


def test_six_batches_in_sequence_are_alphaedit() -> None:
    moment, penalty, share = _moment(0), 10.0, 0.2
    values, vectors = torch.linalg.eigh(moment)
    free = vectors[:, values.cumsum(0) <= share * values.sum()]
    projection, eye = free @ free.T, torch.eye(N, dtype=torch.float64)
    assert 0 < free.shape[1] < N
    form = ClosedForm.of_null_space(moment, share=share, weight=penalty)
    earlier = torch.zeros(N, 0, dtype=torch.float64)
    for batch in range(6):
        keys = _keys(batch, 4)
        system = (keys @ keys.T + earlier @ earlier.T) @ projection + penalty * eye
        published = keys.T @ projection @ torch.linalg.inv(system)
        torch.testing.assert_close(_exact(form, keys, 1.0), published, atol=1e-12, rtol=1e-10)
        form, earlier = form.holding(keys, 1.0), torch.cat([earlier, keys], dim=1)


def test_an_update_in_the_null_space_does_not_touch_the_rest() -> None:
    moment = _moment(1)
    values, vectors = torch.linalg.eigh(moment)
    used = vectors[:, values.cumsum(0) > 0.2 * values.sum()]
    directions = _exact(ClosedForm.of_null_space(moment, share=0.2), _keys(1, 2), 1.0)
    torch.testing.assert_close(directions @ used, torch.zeros(2, used.shape[1], dtype=torch.float64), atol=1e-12, rtol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), slack=st.floats(0.05, 2.0))
def test_holding_keys_is_solving_with_residuals_of_zero(seed: int, slack: float) -> None:
    form, own, held = ClosedForm.of_moment(_moment(seed)), _keys(seed, 2), _keys(seed + 7, 3)
    together = _exact(form, torch.cat([own, held], dim=1), slack)[:2]
    torch.testing.assert_close(_exact(form.holding(held, slack), own, slack), together)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), slack=st.floats(0.05, 2.0))
def test_releasing_takes_one_batch_out_exactly(seed: int, slack: float) -> None:
    form = ClosedForm.of_moment(_moment(seed))
    batches = [_keys(seed + 10 * i, 3) for i in range(3)]
    all_but_the_second = form.holding(batches[0], slack).holding(batches[2], slack)
    for keys in batches:
        form = form.holding(keys, slack)
    torch.testing.assert_close(form.releasing(batches[1], slack).inverse, all_but_the_second.inverse, atol=1e-10, rtol=1e-8)


def test_a_held_key_keeps_its_value_and_a_stranger_may_change() -> None:
    form, own, held, stranger = ClosedForm.of_moment(_moment(2)), _keys(2, 1), _keys(50, 2), _keys(90, 1)
    directions = _exact(form.holding(held, 1e-9), own, 0.0)
    torch.testing.assert_close(directions @ held, torch.zeros(1, 2, dtype=torch.float64), atol=1e-6, rtol=0)
    assert float((directions @ stranger).abs()) > 1e-3
    assert float(directions @ own) == pytest.approx(1.0)


def test_no_other_direction_that_serves_the_key_costs_less_on_the_corpus() -> None:
    key, moment = _keys(3, 1), _moment(3)
    best = _exact(ClosedForm.of_moment(moment), key, 0.0)[0]
    for seed in range(20):
        other = best + 0.1 * torch.randn(N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        other = other / (other @ key[:, 0])
        assert best @ moment @ best <= other @ moment @ other


def test_the_scale_is_the_mean_of_the_whitened_squared_norms() -> None:
    keys, moment = _keys(4, 3), _moment(4)
    expected = torch.stack([k @ torch.linalg.solve(moment, k) for k in keys.T]).mean()
    assert ClosedForm.of_moment(moment).scale(keys) == pytest.approx(float(expected))


def test_what_is_fitted_is_not_rounded_by_matrix_units() -> None:
    form, keys = ClosedForm.of_moment(_moment(0)), _keys(1, 3)
    wanted = torch.tensor([1.0, 0.3, 0.0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fitted = form.fit(keys, wanted, 0.0)
    assert fitted.dtype == torch.float32
    torch.testing.assert_close(fitted.double() @ keys.double(), wanted.double(), atol=1e-5, rtol=0)
