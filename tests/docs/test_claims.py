"""Figures that the README tells in prose are those of result files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_TABLES = re.compile(r"^\|.*$", re.MULTILINE)
# "92 % (86–98, n = 40)", "1.029 times as perplexing (1.011–1.051)"
_CLAIM = re.compile(r"([\d.]+\d|\d)(?: %| times)?(?: [a-z]+){0,2} \(([\d.]+)–([\d.]+)[,)]")

Claim = tuple[str, str, str]


def _claims(text: str) -> list[Claim]:
    return _CLAIM.findall(" ".join(_TABLES.sub("", text).split()))


def _measured(part: Any) -> Iterator[tuple[float, float, float]]:
    """Every estimate with its interval: of shares, means and differences in hundredths, of perplexities as ratios."""
    match part:
        case {"estimate": float(value), "low": float(low), "high": float(high)}:
            yield 100 * value, 100 * low, 100 * high
        case {"perplexity_ratio": float(value), "perplexity_interval": [float(low), float(high)], **rest}:
            yield value, low, high
            yield from _measured(rest)
        case dict():
            for value in part.values():
                yield from _measured(value)
        case list():
            for value in part:
                yield from _measured(value)


def _stands_for(claim: Claim, measured: tuple[float, float, float]) -> bool:
    """Whether each number of a claim is what was measured, rounded to the decimals that it has."""
    return all(
        abs(float(told) - value) <= 0.5 * 10.0 ** -len(told.partition(".")[2]) + 1e-6
        for told, value in zip(claim, measured, strict=True)
    )


def test_every_figure_that_the_readme_tells_in_prose_stands_in_a_result_file() -> None:
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "docs/results").glob("*.json")]
    measured = set(_measured(results))
    claims = _claims((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(claims) > 10
    assert [claim for claim in claims if not any(_stands_for(claim, found) for found in measured)] == []


def test_a_figure_that_nobody_measured_is_noticed() -> None:
    (claim,) = _claims("The default keeps 92 %\n(86–98, n = 40) of it.\n| 1.0 (2.0–3.0) |\n")
    assert claim == ("92", "86", "98")
    assert _stands_for(claim, (92.4, 86.25, 97.5))
    assert not _stands_for(claim, (92.6, 86.25, 97.5))
    assert _claims("perplexity is 1.029 times as much (1.011–1.051)") == [("1.029", "1.011", "1.051")]
