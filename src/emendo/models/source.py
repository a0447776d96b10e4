"""How a model was loaded, so that another process can load the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DeviceMap = Mapping[str, str | int]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The arguments of `load_model`, none of which depends on the folder that a process works in.

    Attributes:
        name: The embedded model, the full path of a folder or a .gguf file, or a hub id.
        dtype: Precision of the weights, such as "bfloat16"; as stored if None.
        device: Where the weights are, as it was asked for.
        home: Where converted models are kept.
    """

    name: str
    dtype: str | None
    device: str | DeviceMap | None
    home: str

    def to_dict(self) -> dict[str, Any]:
        """The source as JSON takes it."""
        device = dict(self.device) if isinstance(self.device, Mapping) else self.device
        return {"name": self.name, "dtype": self.dtype, "device": device, "home": self.home}
