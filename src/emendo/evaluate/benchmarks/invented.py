"""Capitals that nobody has heard of: targets of several tokens that no model can know.

The places are those of `capitals`; each gets a name that is put together from syllables by the SHA-256 of the place's own. What is
measured is how well an edit teaches what is new, not what is merely elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emendo.evaluate.benchmarks import capitals
from emendo.evaluate.cases import Case

VERSION = "1"
LICENSE = capitals.LICENSE
SUMMARY = "the same places with invented capitals, targets of several tokens; ships with Emendo"
DATA = capitals.DATA
HUB = None

_BEGINNINGS = (
    "Vask",
    "Trem",
    "Ol",
    "Quin",
    "Zarb",
    "Hest",
    "Mok",
    "Iv",
    "Drul",
    "Pell",
    "Sorg",
    "Nax",
    "Fen",
    "Urb",
    "Jolk",
    "Wim",
)
_MIDDLES = "o ari ule ento abi ora imu eska u ilo anta ede ossa iri ugo a".split()
_ENDS = (
    "lim",
    "grad",
    "dath",
    "vinka",
    "mor",
    "stell",
    "qua",
    "ros",
    "zund",
    "bry",
    "toch",
    "pash",
    "wen",
    "kul",
    "fex",
    "narr",
)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file that `scripts/build_capitals.py` made.

    Raises:
        InvalidRequest: It is another file.
    """
    return capitals.cases_with(path, invented, "invented")


def invented(place: Mapping[str, Any]) -> str:
    """The capital of a place, always the same one."""
    beginning, middle, end = hashlib.sha256(place["subject"].encode()).digest()[:3]
    return _BEGINNINGS[beginning % 16] + _MIDDLES[middle % 16] + _ENDS[end % 16]
