"""Traces made up for tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emendo.facts import Fact
from emendo.locate import CausalTrace, Effect


def make_trace(subject: tuple[int, int], tokens: int, level: float = 1.0, window: int = 2) -> CausalTrace:
    """A made-up trace whose effect at token t is level · t in every layer."""
    effect = level * np.repeat(np.arange(tokens, dtype=float)[:, None], 3, axis=1)
    return CausalTrace(
        fact=Fact.parse("The capital of {France} is", "Paris"),
        tokens=tuple(f"t{i}" for i in range(tokens)),
        subject_first=subject[0],
        subject_last=subject[1],
        target=" Paris",
        is_predicted_target=False,
        probability_clean=0.75,
        probability_corrupted=0.25,
        total_effect=0.5,
        total_effect_error=0.125,
        effects={"states": Effect(indirect_effect=effect, standard_error=effect / 10, probability_patched=effect + 0.25)},
        window=window,
        noise_samples=10,
        noise=0.3,
        seed=0,
    )


@pytest.fixture(scope="session", name="make_trace")
def make_trace_fixture() -> Callable[..., CausalTrace]:
    """`make_trace`."""
    return make_trace
