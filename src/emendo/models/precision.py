"""Use the bf16 matrix units of a CPU where an answer in float32 is not needed.

Searching a value takes many passes whose result is checked afterwards in float32. On processors with AMX, matrix products in bf16
are several times as fast, and twice as fast with the AVX-512 BF16 of AMD's; with that of Intel's alone they are slower than in
float32, so nothing changes there. Norms, sums and everything that is optimised stay in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers.pytorch_utils import Conv1D

from emendo.models.editable import EditableModel


@contextmanager
def matrix_units(model: EditableModel) -> Iterator[None]:
    """While the context lasts, a float32 model on such a CPU multiplies matrices in bf16, and attention has a quick backward pass.

    Autocast alone would convert every weight again in every pass, so copies stand in for them: 2 bytes a weight. Inside
    another such context nothing more happens.
    """
    if model.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        yield
        return
    # The flash kernel's backward pass is slow on a CPU where rows are as short as prompts are.
    with sdpa_kernel(SDPBackend.MATH):
        if model.dtype == torch.float32 and _has_matrix_units(torch.cpu.get_capabilities()):
            with _in_bf16(model):
                yield
        else:
            yield


def _has_matrix_units(processor: Mapping[str, Any]) -> bool:
    is_amd = str(processor.get("cpu_name")).startswith("AMD")
    return bool(processor.get("amx_bf16") or (is_amd and processor.get("avx512_bf16")))


@contextmanager
def _in_bf16(model: EditableModel) -> Iterator[None]:
    modules = [module for module in model.network.modules() if isinstance(module, nn.Linear | Conv1D)]
    if any(module.weight.device.type != "cpu" for module in modules):
        # Some weights are on a GPU or on disk: what runs elsewhere must not be handed bf16.
        yield
        return
    weights = [module.weight for module in modules]
    try:
        for module in modules:
            module.weight = nn.Parameter(module.weight.detach().to(torch.bfloat16), requires_grad=False)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield
    finally:
        for module, weight in zip(modules, weights, strict=True):
            module.weight = weight
