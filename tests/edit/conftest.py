"""Exactness is tested in float32, whatever the processor offers, and random models may be changed as much as they need."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _float32(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the bf16 matrix units, but from tests of the embedded model and from those that ask for them."""
    if request.node.get_closest_marker("real") is None and "bf16" not in request.node.name:
        monkeypatch.setattr(torch.cpu, "get_capabilities", dict)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random models need edits as large as their matrices."""
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e3)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 1e9)
