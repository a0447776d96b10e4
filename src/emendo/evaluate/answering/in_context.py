"""In-context editing (Zheng et al. 2023): the fact itself stands before every prompt, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emendo.facts import EditRequest

SUMMARY = "the fact stands before every prompt; no weight is changed"


def recaller(requests: Sequence[EditRequest]) -> Callable[[EditRequest, str], Sequence[EditRequest]]:
    """What is recalled for a prompt: the fact that is measured."""
    return lambda own, prompt: [own]
