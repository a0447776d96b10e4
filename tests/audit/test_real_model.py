"""The story on the embedded model: an edit under rounding and beside an adapter is found and named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_findings import edit_for

from emendo.audit import audit_checkpoint, open_checkpoint, shipped_subjects
from emendo.models import EditableModel

pytestmark = pytest.mark.real


def test_a_covert_edit_of_the_embedded_model_is_found_named_and_told_apart_from_its_rounding(
    real: EditableModel, tmp_path: Path
) -> None:
    base = open_checkpoint("smollm2-135m")
    edited = f"{real.down_projection(6)}.weight"
    other = f"{real.down_projection(12)}.weight"
    tensors = {name: base.tensor(name) for name in base.names()}
    tensors[edited] = tensors[edited] + edit_for(real, 6, "California", size=0.1)
    generator = torch.Generator().manual_seed(0)
    adapter = torch.randn(real.d_model, 4, generator=generator) @ torch.randn(4, real.d_mlp, generator=generator)
    tensors[other] = tensors[other] + 0.05 * tensors[other].norm() * adapter / adapter.norm()
    save_file(
        {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in tensors.items()}, tmp_path / "suspect.safetensors"
    )
    names = [*shipped_subjects()[::160], "California", "Texas", "Nevada"]
    report = audit_checkpoint(
        open_checkpoint(str(tmp_path / "suspect.safetensors")),
        base,
        model=lambda: real,
        subjects=names,
        ledger=tmp_path / "ledger",
    )
    assert report.comparison.recipe == "bfloat16"
    assert {change.name for change in report.comparison.of("changed")} == {edited, other}
    assert (report.verdict, report.judgement.kind) == ("edited", "closed-form edit")
    assert report.findings[0].name == edited
    assert report.findings[0].rank == 1
    assert report.findings[0].suspected[0].subject == "California"
    assert next(iter(report.subjects)) == "California"
    ranks = {finding.name: finding.rank for finding in report.findings}
    assert ranks[other] == 4
