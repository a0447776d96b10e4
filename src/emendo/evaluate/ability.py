"""General ability: perplexity of plain text at several revisions, on the same windows.

    ratio = exp(mean over tokens of −log p_edited  −  mean over tokens of −log p_unedited)

The text is cut into windows of a fixed length, each read by itself; its first token is predicted by nothing and left out. The
interval is the percentile bootstrap of the ratio over windows, both revisions together (`intervals`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from emendo.errors import InvalidRequest
from emendo.evaluate.intervals import Array, Interval, bootstrap
from emendo.models import ORIGINAL, EditableModel, Revision, TokenBatch, at_revisions

WIKITEXT = "wikitext2/wiki.test.txt"
WINDOW_TOKENS, _WINDOWS_A_PASS = 256, 4
_HEAD_POSITIONS = 256


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """A text as a model at a revision reads it.

    Attributes:
        perplexity: exp of the mean negative log-likelihood of a token, in nats.
        ratio: To that of the unedited model, with its interval over windows.
        windows: How many were read.
        tokens: How many tokens were predicted.
    """

    perplexity: float
    ratio: Interval
    windows: int
    tokens: int


class Reader:
    """Windows of a text, read once by the unedited model.

    Args:
        model: The model.
        text: What is read.
        windows: Most windows, from the beginning of the text.

    Raises:
        InvalidRequest: The text is shorter than two windows.
    """

    def __init__(self, model: EditableModel, text: str, *, windows: int = 32) -> None:
        width = min(WINDOW_TOKENS, model.context_length)
        ids: list[int] = model.tokenizer(text[: 12 * width * windows], add_special_tokens=False)["input_ids"]
        rows = [ids[at : at + width] for at in range(0, len(ids) - width + 1, width)][:windows]
        if len(rows) < 2:
            raise InvalidRequest(
                f"The text has {len(ids)} tokens, and two windows of {width} are needed; give a longer one."
            )
        self.model = model
        self._rows = rows
        self._before = self._losses(ORIGINAL)

    def read(self, revision: Revision, progress: Callable[[int, int], None] = lambda done, total: None) -> Perplexity:
        """The text at a revision, beside the unedited model."""
        after = self._losses(revision, progress)
        return Perplexity(
            perplexity=float(np.exp(after.mean())),
            ratio=bootstrap(np.stack([after, self._before]), _ratio, seed=0),
            windows=len(self._rows),
            tokens=len(self._rows) * (len(self._rows[0]) - 1),
        )

    def _losses(self, revision: Revision, progress: Callable[[int, int], None] = lambda done, total: None) -> Array:
        """The mean loss of each window, in nats a token."""
        losses: list[float] = []
        for start in range(0, len(self._rows), _WINDOWS_A_PASS):
            part = self._rows[start : start + _WINDOWS_A_PASS]
            losses += _mean_losses(self.model, part, revision)
            progress(len(losses), len(self._rows))
        return np.array(losses)


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        InvalidRequest: It is not there, or not text.
    """
    if not path.is_file():
        raise InvalidRequest(f"There is no file '{path}'; give one of plain text.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"'{path.name}' is not text in UTF-8; give a plain text file.") from error


def _mean_losses(model: EditableModel, rows: Sequence[Sequence[int]], revision: Revision) -> list[float]:
    batch = TokenBatch.align(model, rows)
    with torch.inference_mode(), at_revisions(model, [revision]):
        hidden = model.hidden(batch)[:, :-1]
        wanted = batch.input_ids[:, 1:]
        losses = []
        for start in range(0, hidden.shape[1], _HEAD_POSITIONS // len(rows)):
            part = slice(start, start + _HEAD_POSITIONS // len(rows))
            logits = model.head(hidden[:, part])
            own = logits.gather(2, wanted[:, part, None].to(logits.device))[:, :, 0]
            losses.append(logits.logsumexp(dim=-1) - own)
        means: list[float] = torch.cat(losses, dim=1).double().mean(dim=1).tolist()
    return means


def _ratio(means: Array) -> Array:
    result: Array = np.exp(means[0] - means[1])
    return result
