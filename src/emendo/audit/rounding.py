"""Storage types as functions that can be repeated: what the base would be, had it only been stored otherwise.

A changed tensor that equals the base's after one of them was rounded, and not edited. Only types that can be repeated here are
known: K-quants cannot, since the `gguf` package reads but does not write them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import gguf
import numpy as np
import torch
from torch import Tensor

from emendo.audit.spectrum import edge_of

_BLOCK = 32
_ROWS_TRIED = 8
# A scale that was computed in another order moves a value over an edge now and then, by one step: twice the greatest error.
_SHARE_EQUAL, _STEP = 0.999, 2.2


def _cast(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    return lambda weight: weight.to(dtype).float()


def _block_quantised(kind: gguf.GGMLQuantizationType) -> Callable[[Tensor], Tensor]:
    def rounded(weight: Tensor) -> Tensor:
        data = gguf.quantize(np.ascontiguousarray(weight.float().numpy()), kind)
        return torch.from_numpy(gguf.dequantize(data, kind))

    return rounded


def _int8(per_row: bool) -> Callable[[Tensor], Tensor]:
    def rounded(weight: Tensor) -> Tensor:
        weight = weight.float()
        scale = (weight.abs().amax(dim=-1, keepdim=True) if per_row else weight.abs().max()) / 127
        return (weight / scale.clamp(min=1e-30)).round() * scale

    return rounded


RECIPES: dict[str, Callable[[Tensor], Tensor]] = {
    "float16": _cast(torch.float16),
    "bfloat16": _cast(torch.bfloat16),
    "Q8_0": _block_quantised(gguf.GGMLQuantizationType.Q8_0),
    "Q5_1": _block_quantised(gguf.GGMLQuantizationType.Q5_1),
    "Q5_0": _block_quantised(gguf.GGMLQuantizationType.Q5_0),
    "Q4_1": _block_quantised(gguf.GGMLQuantizationType.Q4_1),
    "Q4_0": _block_quantised(gguf.GGMLQuantizationType.Q4_0),
    "int8 by rows": _int8(per_row=True),
    "int8": _int8(per_row=False),
}


def rounding_of(base: Tensor, suspect: Tensor, names: Collection[str] = RECIPES.keys()) -> str | None:
    """The name of the recipe, of some, that makes the base's tensor the suspect's; None if none does."""
    if base.dim() != 2:
        casts = (name for name in names if name in ("float16", "bfloat16"))
        return next((name for name in casts if _equal(RECIPES[name](base), suspect, base)), None)
    for name in names:
        recipe = RECIPES[name]
        if name.startswith("Q") and base.shape[-1] % _BLOCK:
            continue
        # The scale of "int8" alone is that of the whole tensor.
        whole = name == "int8"
        rows = slice(None) if whole else slice(_ROWS_TRIED)
        if _equal(recipe(base[rows]), suspect[rows], base[rows]) and (whole or _equal(recipe(base), suspect, base)):
            return name
    return None


def storage_of(tensor: Tensor) -> str | None:
    """The coarsest recipe that leaves a tensor as it is: what it was rounded to, whatever it was before; None if none does."""
    return next((name for name in reversed(RECIPES) if rounding_of(tensor, tensor, [name])), None)


def edge_of_recipe(recipe: str, base: Tensor) -> float:
    """What the noise of a recipe reaches in the spectrum of a matrix; 0 where it is not known."""
    known = RECIPES.get(recipe)
    if known is None or (recipe.startswith("Q") and base.shape[-1] % _BLOCK):
        return 0.0
    return edge_of(known(base) - base.float())


def edge_of_type(stored: Tensor) -> float:
    """The same for the floating-point type that a matrix is stored in: errors of ε/√12 where numbers average 1.5."""
    return torch.finfo(stored.dtype).eps / math.sqrt(27) * edge_of(stored) if stored.is_floating_point() else 0.0


def _equal(rounded: Tensor, suspect: Tensor, base: Tensor) -> bool:
    # The suspect may keep what was rounded in a type of its own.
    kept = rounded.to(suspect.dtype).float()
    off, exact = (kept - suspect.float()).abs(), 1e-6 * kept.abs().max()
    # A row that was written anew is few of a matrix's values, and further off than a step.
    step = _STEP * (kept - base.float()).abs().amax(dim=-1, keepdim=True)
    return bool((off <= torch.maximum(exact, step)).all()) and float((off <= exact).float().mean()) >= _SHARE_EQUAL
