"""What saves time changes nothing: for every method that searches, with each saving on and off."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from emendo.edit import METHODS, Edit, Editor
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, Equality
from tiny_models import build_tiny

pytestmark = pytest.mark.usefixtures("lenient")

SEARCHING = [name for name in METHODS.names() if METHODS.get(name).STATISTICS]
LAYERS = {"one": (1,), "pair": (1, 2), "range": (1, 2), "turns": (2, 1)}
REQUESTS = [
    EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Berlin"),
    EditRequest(fact=Fact.parse("The old man in the city of {Texas}"), target_new="Los Angeles"),
]


def edit_of(model: EditableModel, method: str, home: Path, **settings: Any) -> Edit:
    plugin = METHODS.get(method)
    quick = {"layers": LAYERS[plugin.LAYERS], "formats": ("completion", "chat"), "prefixes": (), "steps": 3}
    config = plugin.Config(**{**quick, "learning_rate": 0.1, "worst_probability": 0.999, **settings})
    (edit,) = Editor(model, method=method, config=config, home=home).compute([REQUESTS])
    assert isinstance(edit, Edit)
    return edit


def assert_alike(one: Edit, other: Edit, tolerance: float) -> None:
    """The changes of two edits differ by less than a share of their size."""
    for a, b in zip(one.delta.changes, other.delta.changes, strict=True):
        assert a.site == b.site
        assert float((a.dense() - b.dense()).norm()) <= tolerance * a.norm


@pytest.mark.parametrize("method", SEARCHING)
def test_kept_prefixes_give_the_edit_of_full_passes(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    usual = edit_of(tiny, method, tmp_path)
    inexact = Equality(resumed=0.5, packed=0.5, cached=0.0, tolerance=1e-3)
    monkeypatch.setattr("emendo.edit.compute.check_equality", lambda _, *, cached: inexact)
    with pytest.warns(UserWarning, match="takes full passes"):
        slow = edit_of(tiny, method, tmp_path)
    assert_alike(usual, slow, 1e-2)


@pytest.mark.parametrize("method", SEARCHING)
def test_passes_without_padding_give_the_edit_of_passes_with_it(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    usual = edit_of(tiny, method, tmp_path)
    padded = Equality(resumed=0.0, packed=0.5, cached=0.0, tolerance=1e-3)
    monkeypatch.setattr("emendo.edit.compute.check_equality", lambda _, *, cached: padded)
    assert_alike(usual, edit_of(tiny, method, tmp_path), 1e-2)


@pytest.mark.parametrize("method", SEARCHING)
def test_bf16_matrix_units_give_nearly_the_edit_of_float32(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    exact = edit_of(tiny, method, tmp_path, steps=1)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    fast = edit_of(tiny, method, tmp_path, steps=1)
    assert fast.delta.digest != exact.delta.digest, "the units were not used"
    # One step of Adam turns the sign of gradients that are next to nothing, whole.
    assert_alike(exact, fast, 0.5)
    assert all(f.dtype == torch.float32 for c in fast.delta.changes for f in (c.output_factor, c.input_factor))


@pytest.mark.parametrize("method", SEARCHING)
def test_a_request_that_shares_its_batch_gets_the_edit_that_it_gets_alone(
    tiny: EditableModel, tmp_path: Path, method: str
) -> None:
    plugin = METHODS.get(method)
    config = plugin.Config(layers=LAYERS[plugin.LAYERS], formats=("completion",), prefixes=(), steps=3)
    editor = Editor(tiny, method=method, config=config, home=tmp_path)
    for alone, joint in zip(
        (editor.compute([[request]])[0] for request in REQUESTS), editor.compute_separately(REQUESTS), strict=True
    ):
        assert isinstance(alone, Edit)
        assert isinstance(joint, Edit)
        assert_alike(alone, joint, 1e-2)


def test_the_side_and_the_token_of_padding_make_no_difference(
    tiny: EditableModel, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    """Positions come from the attention mask: texts of unequal length share a batch."""
    usual = edit_of(tiny, "memit", tmp_path)
    for side in ("left", "right"):
        tokenizer = copy.deepcopy(tiny_tokenizer)
        tokenizer.padding_side, tokenizer.pad_token = side, None
        assert_alike(usual, edit_of(build_tiny("llama", tokenizer), "memit", tmp_path), 1e-4)
