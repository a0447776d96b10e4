"""How sure a verdict is: the share of verdicts of its kind that were right, on claims whose truth is known.

    p(tier) = (right + 1) / (n + 2)                     over the tuning half of the labelled claims (Laplace 1814)
    p(origins) = 1 − Π (1 − p(tier of the origin))      for independent origins that agree, at most 0.99

The counts stand in calibration.json, which `python benchmarks/verification.py --calibrate` writes. A tier that was never measured
counts as one half.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from importlib.resources import files

_MOST = 0.99


def read_counts() -> dict[str, tuple[int, int]]:
    """For each tier how many verdicts were measured, and how many of them were right."""
    told = json.loads(_text())
    return {tier: (row["n"], row["right"]) for tier, row in told["tiers"].items()}


def calibration_version() -> str:
    """The beginning of the SHA-256 of the counts."""
    return hashlib.sha256(_text().encode()).hexdigest()[:12]


def confidence(tiers: Iterable[str], counts: Mapping[str, tuple[int, int]]) -> float:
    """How sure a verdict is that rests on one opinion of each tier, all of independent origin."""
    shares = []
    for tier in tiers:
        n, right = counts.get(tier, (0, 0))
        shares.append((right + 1) / (n + 2))
    return round(min(_MOST, 1 - math.prod(1 - share for share in shares)), 4)


def _text() -> str:
    return files("emendo.verify").joinpath("calibration.json").read_text(encoding="utf-8")
