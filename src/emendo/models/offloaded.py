"""Weights that do not stay in memory.

A model that is larger than memory is run by accelerate with tensors on disk, or in the memory of another device, and placeholders
(device "meta") in their modules, filled while a module runs. What reads weights outside a pass asks here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def stored_tensor(module: nn.Module, name: str = "weight") -> Tensor:
    """A tensor of a module; fetched to the CPU if a placeholder stands in its place, which leaves the module as it is."""
    tensor: Tensor = getattr(module, name)
    if not tensor.is_meta:
        return tensor
    # Read, not put into the module and taken out again: others may be reading at the same time.
    hook: Any = module._hf_hook
    fetched: Tensor = hook.weights_map[name]
    return fetched.cpu()


def input_device(module: nn.Module) -> torch.device:
    """Where a module with a weight reads its input."""
    weight: Any = module.weight
    if not weight.is_meta:
        return torch.device(weight.device)
    hook: Any = module._hf_hook
    return torch.device(hook.execution_device)
