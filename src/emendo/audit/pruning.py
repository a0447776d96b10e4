"""Pruning: elements that are zero in the suspect and were not in the base.

Pruning takes out and writes nothing. Where zeros explain all that was changed, that is proved by repeating it, and stored otherwise
afterwards too; where the rest was trained on, rows and columns that were emptied are left out of what is looked at, since a hidden
unit that was taken out would stand out of all others as one that was written does.
"""

from __future__ import annotations

from torch import Tensor

from emendo.audit.rounding import rounding_of


def is_pruned(base: Tensor, suspect: Tensor) -> bool:
    """Whether the suspect's tensor is the base's with some elements at zero, as it is or rounded as a whole.

    Args:
        base: The original.
        suspect: Of the same shape.
    """
    zeros = suspect == 0
    if not (base[zeros] != 0).any():
        return False
    kept = base.masked_fill(zeros, 0)
    return bool((kept.float() == suspect.float()).all()) or rounding_of(kept, suspect) is not None


def without_emptied(difference: Tensor, suspect: Tensor) -> Tensor:
    """A difference with zeros in the rows and columns that the suspect holds nothing in.

    Args:
        difference: D = W' - W, of any shape.
        suspect: W'.
    """
    if suspect.dim() != 2:
        return difference
    is_empty = suspect == 0
    for dim in (0, 1):
        difference = difference.masked_fill(is_empty.all(dim=dim, keepdim=True), 0)
    return difference
