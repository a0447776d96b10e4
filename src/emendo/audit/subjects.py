"""Whose fact: the names whose inputs a change of weights answers to.

    r_i(s) = v_i · k_s / ‖k_s‖,      z_i(s) = (r_i(s) − median r_i) / (1.4826 median |r_i − median r_i|)

with k_s the input at the last token of the name s: an update that was made for a key answers to that key and to few others, and z
tells by how many robust deviations. Medians run over all candidates, which all answer alike to what is common to names. Several
components count by the length of M (r − median r), M weighing them; then z is of the lengths. Candidates come from a list in
the package (its head tells whose), from a user's file, and from the names in a text.
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

# Deviations that no name reaches by chance: four are expected of ten thousand, and matrices are looked at in several ways.
OUTSTANDING = 8.0
MOST = 10
ALL = slice(None)
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
        rank: 1 for the one that stands out most.
        deviations: How far it stands out.
    """

    subject: str
    rank: int
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


def deviations(
    products: Float[Tensor, "subjects components"],
    norms: Float[Tensor, " subjects"],
    weighing: Float[Tensor, "components weighed"],
    among: slice = ALL,
) -> Float[Tensor, " subjects"]:
    """z of each subject; with its sign where one component is looked at.

    Args:
        products: vᵢ · k_s.
        norms: ‖k_s‖.
        weighing: Mᵀ.
        among: The subjects that medians run over.
    """
    relative = products / norms.clamp(min=1e-12)[:, None]
    weighed = (relative - relative[among].median(dim=0).values) @ weighing
    values = weighed[:, 0] if weighing.shape[1] == 1 else weighed.norm(dim=1)
    centred = values - values[among].median()
    spread: Tensor = centred[among].abs().median().clamp(min=1e-30) * _DEVIATION
    return centred / spread


def ranked(subjects: Sequence[str], out: Float[Tensor, " subjects"], *, most: int = MOST) -> list[Suspected]:
    """The subjects that stand out most, in either direction, by their deviations."""
    far = out.abs()
    return [
        Suspected(subject=subjects[i], rank=at, deviations=float(far[i]))
        for at, i in enumerate(far.argsort(descending=True)[:most].tolist(), start=1)
    ]


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines() if not line.startswith("#"))
    return [line for line in lines if line and len(line) <= _LONGEST]


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataUnavailable(f"There is no file '{path}'; give the path of a text file.")
    return path.read_text(encoding="utf-8", errors="replace")
