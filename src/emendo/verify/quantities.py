"""Numbers, units and dates in a canonical form, so that "39 million", "39,000,000" and "39.0 million people" are alike.

A quantity is a number with a unit of a dimension (length in metres, area in square metres, mass in kilograms, or none). A date
is a year, perhaps a month, perhaps a day. All arithmetic on them is done here, by code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split(),
        range(21),
        strict=True,
    )
)
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_UNITS: dict[str, tuple[str, float]] = {
    "mm": ("length", 1e-3),
    "cm": ("length", 1e-2),
    "m": ("length", 1.0),
    "meter": ("length", 1.0),
    "metre": ("length", 1.0),
    "km": ("length", 1e3),
    "kilometer": ("length", 1e3),
    "kilometre": ("length", 1e3),
    "foot": ("length", 0.3048),
    "feet": ("length", 0.3048),
    "ft": ("length", 0.3048),
    "mile": ("length", 1609.344),
    "mi": ("length", 1609.344),
    "km²": ("area", 1e6),
    "km2": ("area", 1e6),
    "square kilometer": ("area", 1e6),
    "square kilometre": ("area", 1e6),
    "sq km": ("area", 1e6),
    "square mile": ("area", 2589988.110336),
    "sq mi": ("area", 2589988.110336),
    "g": ("mass", 1e-3),
    "gram": ("mass", 1e-3),
    "kg": ("mass", 1.0),
    "kilogram": ("mass", 1.0),
    "lb": ("mass", 0.45359237),
    "pound": ("mass", 0.45359237),
    "%": ("share", 0.01),
    "percent": ("share", 0.01),
}
_MONTHS = {
    name: at + 1
    for at, name in enumerate(
        "january february march april may june july august september october november december".split()
    )
}
_MONTH = "|".join(_MONTHS)
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?P<sign>[-−])?(?:(?P<digits>\d{{1,3}}(?:[,\u202f ]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)|\b(?P<word>{'|'.join(_WORDS)})\b)"
    rf"(?:[\s-]*(?P<scale>{'|'.join(_SCALES)})\b)?(?:\s*(?P<unit>{_UNIT})(?:s\b|\b|(?<=[%²])))?",
    re.IGNORECASE,
)
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?P<month>{_MONTH})\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{3,4}})\b",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH}),?\s+(?P<year>\d{{3,4}})\b",
        r"\b(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})\b",
        rf"\b(?P<month>{_MONTH}),?\s+(?P<year>\d{{3,4}})\b",
        r"\b(?P<year>1\d{3}|20\d{2})\b",
    )
)


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number in the base unit of its dimension.

    Attributes:
        number: In metres, square metres, kilograms, a share of one, or as it stands.
        dimension: "length", "area", "mass", "share" or "".
    """

    number: float
    dimension: str

    def distance(self, other: Quantity) -> float | None:
        """How far apart two quantities are, relative to the other; None where they do not compare."""
        if self.dimension != other.dimension:
            return None
        return abs(self.number - other.number) / abs(other.number) if other.number else float(self.number != 0)


@dataclass(frozen=True, kw_only=True, order=True)
class Date:
    """A day, a month or a year; 0 where it is not told."""

    year: int
    month: int = 0
    day: int = 0

    def agrees(self, other: Date) -> bool | None:
        """Whether two dates are the same; None where the other is too coarse to tell."""
        for mine, theirs in ((self.year, other.year), (self.month, other.month), (self.day, other.day)):
            if not mine:
                return True
            if not theirs:
                return None
            if mine != theirs:
                return False
        return True


def read_quantity(text: str) -> Quantity | None:
    """The first quantity in a text; None where there is none."""
    match = _NUMBER.search(text)
    if match is None:
        return None
    digits, word = match["digits"], match["word"]
    number = float(re.sub(r"[,\u202f ]", "", digits)) if digits else float(_WORDS[word.lower()])
    number *= _SCALES[match["scale"].lower()] if match["scale"] else 1.0
    dimension, factor = _UNITS[match["unit"].lower()] if match["unit"] else ("", 1.0)
    return Quantity(number=(-1 if match["sign"] else 1) * number * factor, dimension=dimension)


def read_date(text: str) -> Date | None:
    """The first date in a text, the finest form first; None where there is none."""
    for pattern in _DATES:
        match = pattern.search(text)
        if match is not None:
            found = match.groupdict()
            month = _MONTHS[found["month"].lower()] if found.get("month") else int(found.get("number") or 0)
            return Date(year=int(found["year"]), month=month, day=int(found.get("day") or 0))
    return None
