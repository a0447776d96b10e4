"""Exactness is tested in float32, whatever the processor offers."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _float32(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the bf16 matrix units, but from tests of the embedded model and from those that ask for them."""
    if request.node.get_closest_marker("real") is None and "bf16" not in request.node.name:
        monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
