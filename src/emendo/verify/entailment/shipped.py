"""The cross-encoder that comes with the package: MiniLM, six layers, kept as int8, run by onnxruntime in float32.

    p = softmax(f([CLS] claim [SEP] sentence [SEP]))     over supported, refuted, not enough evidence

The columns of what it gives stand in this order. One thread and no other run-time choice: the same pairs give the same numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from tokenizers import Tokenizer

from emendo.errors import MissingPackage

_LONGEST = 96
_BATCH = 32
_FOLDER = files("emendo.verify.entailment")


class ShippedModel:
    """The model of the package, read.

    Args:
        weights: Other weights of the same model, as ONNX; those of the package unless given.

    Raises:
        MissingPackage: onnxruntime is not installed.
    """

    def __init__(self, weights: bytes | None = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingPackage(
                f"The judge nli needs the package onnxruntime ({error}); run pip install 'emendo[nli]'."
            ) from error
        self._tokenizer: Any = Tokenizer.from_str(_FOLDER.joinpath("tokenizer.json").read_text(encoding="utf-8"))
        self._tokenizer.enable_truncation(_LONGEST, strategy="longest_first")
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # The weights are made float32 once, when they are read, and not anew for each pair.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        weights = _FOLDER.joinpath("model.onnx").read_bytes() if weights is None else weights
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> Float[np.ndarray, "pairs 3"]:
        """For each claim and sentence how likely it is supported, refuted, neither."""
        found = np.zeros((len(pairs), 3), dtype=np.float32)
        # Alike in length, alike in a batch: little is spent on padding.
        order = sorted(range(len(pairs)), key=lambda at: sum(map(len, pairs[at])))
        for start in range(0, len(order), _BATCH):
            held = order[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch([pairs[at] for at in held])
            logits = self._session.run(
                None,
                {
                    "input_ids": _column(encoded, "ids"),
                    "attention_mask": _column(encoded, "attention_mask"),
                    "token_type_ids": _column(encoded, "type_ids"),
                },
            )[0]
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            found[held] = odds / odds.sum(axis=1, keepdims=True)
        return found


def thresholds() -> dict[str, float]:
    """From which probability the model supports, refutes, and refutes what was not read as subject, relation and value.

    `python benchmarks/verification_nli.py --fit` writes them.
    """
    told = json.loads(_FOLDER.joinpath("thresholds.json").read_text(encoding="utf-8"))
    return {name: float(value) for name, value in told["from"].items()}


def digest() -> str:
    """The beginning of the SHA-256 of weights and thresholds."""
    read = hashlib.sha256()
    for name in ("model.onnx", "thresholds.json"):
        read.update(_FOLDER.joinpath(name).read_bytes())
    return read.hexdigest()[:12]


def _column(encoded: Sequence[Any], name: str) -> NDArray[np.int64]:
    return np.array([getattr(row, name) for row in encoded], dtype=np.int64)
