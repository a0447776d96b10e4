"""95 % intervals for what is measured over cases.

Shares of cases take Wilson's (1927) interval; with z = 1.96 and p = successes / n

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).

Means of shares, and anything computed from several means, take the percentile bootstrap over cases (Efron 1979): cases are
drawn with replacement, 10,000 times, all their values together, and the 2.5th and 97.5th percentiles are reported. A
bootstrap over equal values has no width, so means that are 0 or 1 in every case take Wilson's interval as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Z = 1.959963984540054
RESAMPLES = 10_000
_CELLS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate between two bounds.

    Attributes:
        estimate: From the cases as they are.
        low: Lower bound.
        high: Upper bound.
        n: Cases.
        kind: "wilson" or "bootstrap".
    """

    estimate: float
    low: float
    high: float
    n: int
    kind: str


def wilson(successes: int, n: int) -> Interval:
    """Wilson's interval for a share.

    Args:
        successes: Cases that have it.
        n: Cases, at least one.
    """
    p = successes / n
    middle = p + Z**2 / (2 * n)
    half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    # Rounding may leave the bound at a certain share a hair beside it.
    low, high = min(p, (middle - half) / scale), max(p, (middle + half) / scale)
    return Interval(estimate=p, low=max(0.0, low), high=min(1.0, high), n=n, kind="wilson")


def bootstrap(values: Array, statistic: Callable[[Array], Array], *, seed: int) -> Interval:
    """The percentile bootstrap of a statistic of means.

    Args:
        values: (measures × cases); NaN where a case lacks a measure.
        statistic: From means (measures × resamples) to values (resamples).
        seed: Of the resampling.
    """
    means = resampled_means(values, seed=seed)
    # A resample that misses every case with a measure says nothing about it.
    low, high = np.percentile(statistic(means[:, ~np.isnan(means).any(axis=0)]), [2.5, 97.5])
    estimate = statistic(known_means(values)[:, None])[0]
    return Interval(estimate=float(estimate), low=float(low), high=float(high), n=values.shape[1], kind="bootstrap")


def resampled_means(values: Array, *, seed: int) -> Array:
    """The means of each measure in resamples of the cases, all values of a case drawn together.

    Args:
        values: (measures × cases); NaN where a case lacks a measure.
        seed: Of the resampling.

    Returns:
        (measures × 10,000); NaN where a resample holds no case with the measure.
    """
    n = values.shape[1]
    known = (~np.isnan(values)).astype(float)
    filled = np.nan_to_num(values)
    generator = np.random.default_rng(seed)
    means = []
    size = max(1, min(RESAMPLES, _CELLS // n))
    for start in range(0, RESAMPLES, size):
        counts = generator.multinomial(n, np.full(n, 1 / n), size=min(size, RESAMPLES - start)).T.astype(float)
        with np.errstate(invalid="ignore"):
            means.append((filled @ counts) / (known @ counts))
    return np.concatenate(means, axis=1)


def known_means(values: Array) -> Array:
    """The mean of each measure over the cases that have it; NaN where none has.

    Args:
        values: (measures × cases).
    """
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means: Array = np.nan_to_num(values).sum(axis=1) / known.sum(axis=1)
    return means
