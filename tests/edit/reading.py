"""What a model reads where a text ends."""

from __future__ import annotations

import torch

from emendo.models import EditableModel, Revision, Site, TokenBatch, at_revisions, encode, read_until


def read_at_end(model: EditableModel, site: Site, text: str, revision: Revision) -> torch.Tensor:
    """What stands at a site at the last token of a text."""
    batch = TokenBatch.align(model, [encode(model, text)])
    with at_revisions(model, [revision]):
        return read_until(model, batch, [site])[site].reshape(batch.input_ids.shape[1], -1)[-1].float()
