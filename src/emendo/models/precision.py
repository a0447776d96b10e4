"""Use the bf16 matrix units of a CPU where an answer in float32 is not needed.

Searching a value takes many passes whose result is checked afterwards in float32. On processors with AVX-512 BF16 or AMX,
matrix products in bf16 are several times as fast; elsewhere they would be slower, so nothing changes there. Norms, sums and
everything that is optimised stay in float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from emendo.models.editable import EditableModel


def matrix_units(model: EditableModel) -> AbstractContextManager[object]:
    """A context in which a float32 model on such a CPU multiplies matrices in bf16."""
    capabilities = torch.cpu.get_capabilities()
    has_units = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    is_float32_on_cpu = model.device.type == "cpu" and model.dtype == torch.float32
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_units and is_float32_on_cpu)
