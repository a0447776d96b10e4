"""Any classifier of Hugging Face's hub, or of a folder, as a cross-encoder: DeBERTa-MNLI, MiniCheck, LettuceDetect and their kin.

    emendo verify "…" --source ./docs --judge slots --judge nli:cross-encoder/nli-deberta-v3-small

The passage is the premise and the claim the hypothesis, as MNLI has it. Which output is which is read from the labels of the
model's configuration ("entailment", "contradiction", …); where those say nothing ("LABEL_1"), the argument does:
`nli:NAME,supported=1,refuted=0`. A model without a label for contradiction only ever supports. A classifier of tokens
(LettuceDetect, whose label 0 is for words that are borne out) supports a claim as far as its least word, and refutes nothing.
No code of a model is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from emendo.errors import InvalidRequest, ModelUnavailable

_MEANINGS = {"supported": ("entail", "support"), "refuted": ("contradict", "refut")}
_DENIALS = ("not", "non", "un")
_LONGEST = 256
_BATCH = 16


class HubModel:
    """A model by its name, read.

    Args:
        name: On the hub, or a folder.
        outputs: Which output stands for "supported" and "refuted"; read from the labels unless given.

    Raises:
        ModelUnavailable: It is not there, or no classifier.
        InvalidRequest: Its labels do not tell which output is which.
    """

    def __init__(self, name: str, outputs: Mapping[str, int]) -> None:
        from transformers import (
            AutoConfig,
            AutoModelForSequenceClassification,
            AutoModelForTokenClassification,
            AutoTokenizer,
        )

        try:
            architectures = AutoConfig.from_pretrained(name).architectures or ()
            self._is_of_tokens = any(built.endswith("ForTokenClassification") for built in architectures)
            loader = AutoModelForTokenClassification if self._is_of_tokens else AutoModelForSequenceClassification
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name)
            self._model: Any = loader.from_pretrained(name).eval()
        except (OSError, ValueError, KeyError) as error:
            raise ModelUnavailable(
                f"The judge's model '{name}' cannot be read ({str(error).splitlines()[0]}); give the name of a classifier of "
                "sequences or tokens on the hub, or a folder that holds one."
            ) from error
        labels = dict(self._model.config.id2label)
        self._outputs = dict(outputs) or outputs_of(labels)
        if "supported" not in self._outputs or max(self._outputs.values()) >= len(labels):
            raise InvalidRequest(
                f"The labels of '{name}' ({', '.join(map(str, labels.values()))}) do not tell which output supports a claim; "
                f"write it as in 'nli:{name},supported=1,refuted=0'."
            )
        self.revision = str(getattr(self._model.config, "_commit_hash", None) or "local")

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> Float[np.ndarray, "pairs 3"]:
        """For each claim and sentence how likely it is supported, refuted, neither."""
        import torch

        found = np.zeros((len(pairs), 3), dtype=np.float32)
        for start in range(0, len(pairs), _BATCH):
            held = pairs[start : start + _BATCH]
            tokens = self._tokenizer(
                [sentence for _, sentence in held],
                [claim for claim, _ in held],
                truncation="longest_first",
                max_length=_LONGEST,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                shares = self._model(**tokens).logits.float().softmax(dim=-1)
            if self._is_of_tokens:
                is_claim = torch.tensor([[part == 1 for part in tokens.sequence_ids(row)] for row in range(len(held))])
                shares = torch.where(is_claim[..., None], shares, 1.0).amin(dim=1)
            for column, label in enumerate(("supported",) if self._is_of_tokens else ("supported", "refuted")):
                if label in self._outputs:
                    found[start : start + len(held), column] = shares[:, self._outputs[label]].numpy()
        found[:, 2] = 1 - found[:, 0] - found[:, 1]
        return found


def outputs_of(labels: Mapping[int, str]) -> dict[str, int]:
    """Which output means what, by its label: "entailment" supports, "not_entailment" does not."""
    found = {}
    for at, label in labels.items():
        told = str(label).lower()
        for meaning, stems in _MEANINGS.items():
            if any(stem in told for stem in stems) and not told.startswith(_DENIALS):
                found[meaning] = int(at)
    return found
