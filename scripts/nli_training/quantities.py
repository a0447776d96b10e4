"""Numbers, dates and names that are made up, rounded and compared."""

from __future__ import annotations

import random
import re

_RANGES = {"metres": (20, 900), "people": (20_000, 90_000_000), "kilometres": (200, 2_000_000), "hundreds": (50, 90_000)}


def made_up(kind: str, draw: random.Random, people: list[str]) -> str:
    """A number, date or name of a kind."""
    months = "January February March April May June July August September October November December".split()
    if kind == "person":
        return draw.choice(people)
    if kind == "year":
        return str(draw.randint(1650, 2023))
    if kind == "date":
        return f"{draw.randint(1, 28)} {draw.choice(months)} {draw.randint(1700, 2023)}"
    if kind == "few":
        return draw.choice("two three four five six seven eight nine 2 3 4 5 6 7 8 9".split())
    low, high = _RANGES[kind]
    number = round(low * (high / low) ** draw.random())
    if number > 3_000_000 and draw.random() < 0.5:
        return f"{number / 1e6:.1f} million"
    return f"{number:,}"


def number_of(text: str) -> float | None:
    """The number that a value is, if it is one."""
    found = re.fullmatch(r"([\d,.]+)( million)?", text)
    return float(found[1].replace(",", "")) * (1e6 if found[2] else 1) if found else None


def is_same_number(first: str, second: str) -> bool:
    """Whether two values are numbers that lie too near each other to be told apart for sure."""
    one, two = number_of(first), number_of(second)
    return one is not None and two is not None and 0.8 < (one + 1e-9) / (two + 1e-9) < 1.25 and max(one, two) > 2100


def rounded(number: float) -> str:
    """A number to two digits."""
    digits = len(str(round(number)))
    return f"about {written(round(number, 2 - digits))}"


def written(number: float) -> str:
    """A number as texts write it."""
    return f"{number / 1e6:.1f} million" if number >= 3e6 else f"{round(number):,}"
