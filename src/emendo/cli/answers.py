"""What a model says to several prompts at several revisions, all in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emendo.models import EditableModel, Revision


def answers(
    model: EditableModel, prompts: Sequence[Sequence[int]], revisions: Sequence[Revision], max_new_tokens: int = 32
) -> list[list[str]]:
    """For each revision, the greedy answer to each prompt; an answer that was cut ends in "…"."""
    from emendo.models import generate

    rows = [prompt for _ in revisions for prompt in prompts]
    said = generate(model, rows, [r for r in revisions for _ in prompts], max_new_tokens=max_new_tokens)
    texts = [g.text.strip() + ("…" if g.finish_reason == "length" else "") for g in said]
    return [texts[at : at + len(prompts)] for at in range(0, len(texts), len(prompts))]
