"""A LoRA adapter, as PEFT writes it, over the checkpoint of its base.

    W' = W + s B A,      s = α / r, or α / √r where the adapter says rslora

An Emendo patch is such an adapter. Products are summed as an export sums them, so that the result has the digest that a patch
predicts. Tensors that it does not touch are the base's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from emendo.audit.formats import Checkpoint
from emendo.audit.formats.safetensors import SafetensorsFiles
from emendo.errors import ModelUnavailable
from emendo.ledger.low_rank import exact_dense
from emendo.models import SiteDelta
from emendo.models.editable import tensor_digest

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
_FACTOR = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
_WHOLE = re.compile(r"base_model\.model\.(.+)\.modules_to_save\.(weight|bias)|base_model\.model\.(.+)")


class AdapterOver:
    """The tensors of a base with an adapter merged, in float32 where it touches them.

    Raises:
        ModelUnavailable: The adapter is of another kind than LoRA, or does not fit the base.
    """

    def __init__(self, name: str, path: Path, base: Checkpoint) -> None:
        self.name = name
        self.path = path
        self.base = base
        if not (path / TENSORS).is_file():
            raise ModelUnavailable(
                f"'{name}' has no {TENSORS}; an adapter is read from safetensors only, a pickle is never opened."
            )
        config = json.loads((path / CONFIG).read_bytes())
        if config.get("peft_type") != "LORA" or config.get("use_dora"):
            raise ModelUnavailable(
                f"'{name}' is an adapter of the kind {config.get('peft_type')!r}{', with DoRA' if config.get('use_dora') else ''}; "
                "only plain LoRA is read: merge it into its base with PEFT, and audit the result."
            )
        self._transposed = bool(config.get("fan_in_fan_out"))
        factors, self._whole = _read(SafetensorsFiles(name, path / TENSORS))
        self._factors = {
            f"{site}.weight": SiteDelta(
                site=site, output_factor=_scale(config, site, pair["A"]) * pair["B"], input_factor=pair["A"].T.contiguous()
            )
            for site, pair in factors.items()
        }
        known = set(base.names())
        strangers = sorted(set(self._factors) - known)
        if strangers:
            raise ModelUnavailable(
                f"'{name}' changes '{strangers[0]}', which '{base.name}' does not have; name the base it was made for."
            )

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""
        return sorted({*self.base.names(), *self._whole})

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(self._whole[name].shape) if name in self._whole else self.base.shape(name)

    def bytes(self, name: str) -> int:
        """Size of a tensor."""
        return self.base.bytes(name)

    def recipe(self, name: str) -> str:
        """The type in which a tensor is stored."""
        return self.base.recipe(name) if name not in self._factors else "float32"

    def tensor(self, name: str) -> Tensor:
        """A tensor with the adapter merged in float32."""
        if name in self._whole:
            return self._whole[name]
        base = self.base.tensor(name)
        if name not in self._factors:
            return base
        change = exact_dense(self._factors[name])
        return (base.float() + (change.T if self._transposed else change)).contiguous()

    def digest(self, name: str) -> str:
        """`tensor_digest` of a tensor."""
        touched = name in self._factors or name in self._whole
        return tensor_digest(self.tensor(name)) if touched else self.base.digest(name)


def _read(files: SafetensorsFiles) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """Factors by site and side, and tensors that stand whole in the adapter."""
    factors: dict[str, dict[str, Tensor]] = {}
    whole: dict[str, Tensor] = {}
    for name in files.names():
        tensor = files.tensor(name)
        factor = _FACTOR.fullmatch(name)
        if factor is not None:
            factors.setdefault(factor[1], {})[factor[2]] = tensor.float()
            continue
        kept = _WHOLE.fullmatch(name)
        whole[name if kept is None else kept[3] or f"{kept[1]}.{kept[2]}"] = tensor
    lone = sorted(site for site, pair in factors.items() if set(pair) != {"A", "B"})
    if lone:
        raise ModelUnavailable(f"'{files.name}' has only one of the two factors of '{lone[0]}'; fetch it again.")
    return factors, whole


def _scale(config: Mapping[str, Any], site: str, a: Tensor) -> float:
    alpha = float(_pattern(config.get("alpha_pattern") or {}, site, config["lora_alpha"]))
    rank = float(a.shape[0])
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def _pattern(patterns: Mapping[str, Any], site: str, usual: Any) -> Any:
    """The value for a module: PEFT matches the ends of its path."""
    return next((value for key, value in patterns.items() if re.search(rf"(^|\.){key}$", site)), usual)
