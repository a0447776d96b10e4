"""Whose fact: the names whose inputs a change of weights answers to.

    response(s) = ‖Σᵢ σᵢ uᵢ (vᵢ · k_s)‖ / ‖k_s‖ = √(Σᵢ σᵢ² (vᵢ · k_s)²) / ‖k_s‖

how far the change moves the output of its matrix at the last token of the name, for an input of unit length. An update that was
made for a key answers to that key and to few others; for one of rank one this ranks names by |v · k_s| / ‖k_s‖. Candidates
come from a list in the package (its head tells whose), from a user's file, and from the names in a text.

A name stands out by the robust deviations of its response from the median of all candidates'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from emendo.errors import DataUnavailable, InvalidRequest

# Robust deviations that no name of some ten thousand reaches by chance: six are expected of a normal distribution.
OUTSTANDING = 12.0
MOST = 10
_DEVIATION = 1.4826
_LONGEST = 80
_NAME = re.compile(
    r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w'’-]+(?:\s(?:of|the|de|van|von|da|du|la)(?=\s[A-Z])|\s[A-Z][\w'’-]+)*", re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Suspected:
    """A name that a change answers to.

    Attributes:
        subject: The name.
        rank: 1 for the strongest response.
        response: As above.
        deviations: How far it stands out.
    """

    subject: str
    rank: int
    response: float
    deviations: float

    @property
    def stands_out(self) -> bool:
        """Whether chance does not explain it."""
        return self.deviations > OUTSTANDING


def shipped_subjects() -> list[str]:
    """The names in the package's own list."""
    return _lines(files("emendo.audit").joinpath("subjects.txt").read_text(encoding="utf-8"))


def read_subjects(path: Path) -> list[str]:
    """The names in a user's file, one a line.

    Raises:
        DataUnavailable: There is no such file.
        InvalidRequest: It names nothing.
    """
    names = _lines(_text(path))
    if not names:
        raise InvalidRequest(f"'{path}' holds no names; write one a line.")
    return names


def names_in(path: Path) -> list[str]:
    """The names in a text: runs of capitalised words that do not begin a sentence.

    Raises:
        DataUnavailable: There is no such file.
        InvalidRequest: No name is in it.
    """
    names = {" ".join(found.group().split()) for found in _NAME.finditer(_text(path))}
    if not names:
        raise InvalidRequest(
            f"No names were found in '{path}'; give a text in which names are capitalised, or a list of them."
        )
    return sorted(names)


def merged(*lists: Iterable[str]) -> list[str]:
    """All names once, in order of first appearance."""
    return list(dict.fromkeys(name for names in lists for name in names))


def responses(
    products: Float[Tensor, "subjects components"],
    norms: Float[Tensor, " subjects"],
    weighing: Float[Tensor, "components weighed"],
) -> Float[Tensor, " subjects"]:
    """The response of each subject.

    Args:
        products: vᵢ · k_s.
        norms: ‖k_s‖.
        weighing: Diagonal with σᵢ, 0 for components that are left out; or another measure.
    """
    lengths: Tensor = (products @ weighing).norm(dim=1)
    return lengths / norms.clamp(min=1e-12)


def deviations(
    strengths: Float[Tensor, " subjects"], among: Float[Tensor, " others"] | None = None
) -> Float[Tensor, " subjects"]:
    """How far responses stand out of those of all candidates, in robust deviations from their median."""
    among = strengths if among is None else among
    middle = among.median()
    out: Tensor = (strengths - middle) / ((among - middle).abs().median().clamp(min=1e-30) * _DEVIATION)
    return out


def ranked(
    subjects: Sequence[str],
    strengths: Float[Tensor, " subjects"],
    *,
    among: Float[Tensor, " others"] | None = None,
    most: int = MOST,
) -> list[Suspected]:
    """The subjects with the strongest responses, strongest first.

    Args:
        subjects: Names.
        strengths: Their responses.
        among: The responses of all candidates, where `subjects` are not all.
        most: How many are wanted.
    """
    out = deviations(strengths, among)
    return [
        Suspected(subject=subjects[i], rank=at, response=float(strengths[i]), deviations=float(out[i]))
        for at, i in enumerate(strengths.argsort(descending=True)[:most].tolist(), start=1)
    ]


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines() if not line.startswith("#"))
    return [line for line in lines if line and len(line) <= _LONGEST]


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataUnavailable(f"There is no file '{path}'; give the path of a text file.")
    return path.read_text(encoding="utf-8", errors="replace")
