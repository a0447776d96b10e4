"""Tensors in a GGUF file, under the names and in the order of rows of a Hugging Face folder.

transformers knows which tensor is called what there, and which rows its writer moved; its tables are used on one tensor at a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, ReaderTensor, dequantize
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.modeling_gguf_pytorch_utils import (
    TENSOR_PROCESSORS,
    TensorProcessor,
    get_gguf_hf_weights_map,
    load_gguf_checkpoint,
)

from emendo.errors import ModelUnavailable
from emendo.models.editable import tensor_digest


class GgufFile:
    """The tensors of a GGUF file, dequantised one at a time.

    Raises:
        ModelUnavailable: The file is damaged, or of a family that transformers does not read from GGUF.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        try:
            config = load_gguf_checkpoint(str(path))["config"]
            with torch.device("meta"):
                network = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
            processor = TENSOR_PROCESSORS.get(str(config["model_type"]), TensorProcessor)
            self._processor: Any = processor(config=config)
            own = get_gguf_hf_weights_map(network, self._processor)
            reader = GGUFReader(path)
        except Exception as error:  # damaged files fail in as many ways as there are readers below
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelUnavailable(
                f"'{path}' could not be read as a GGUF model ({reason}); give a whole .gguf file of a supported family."
            ) from error
        self._tensors: dict[str, ReaderTensor] = {own[t.name]: t for t in reader.tensors if t.name in own}

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""
        return sorted(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(int(size) for size in reversed(self._tensors[name].shape))

    def bytes(self, name: str) -> int:
        """Size of a tensor as it is stored."""
        return int(self._tensors[name].n_bytes)

    def recipe(self, name: str) -> str:
        """The type in which a tensor is stored."""
        kind: str = self._tensors[name].tensor_type.name
        return {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}.get(kind, kind)

    def tensor(self, name: str) -> Tensor:
        """A tensor in float32."""
        stored = self._tensors[name]
        weights = dequantize(stored.data, stored.tensor_type)
        found = self._processor.process(weights=weights, name=stored.name, tensor_key_mapping={}, parsed_parameters={})
        return torch.from_numpy(np.array(found.weights, dtype=np.float32))

    def digest(self, name: str) -> str:
        """`tensor_digest` of a tensor in float32."""
        return tensor_digest(self.tensor(name))
