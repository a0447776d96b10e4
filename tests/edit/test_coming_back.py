"""An edit goes where it belongs and comes back: in half precision, beside tied heads, saved, read again, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from emendo.edit import METHODS, Edit, Editor, python_corpus, second_moments
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance, export_revision
from emendo.models import EditableModel, Revision, TokenBatch, at_revisions, encode, load_model, target_ids
from tiny_models import build_tiny

pytestmark = pytest.mark.usefixtures("lenient")

LAYERS = {"one": (3,), "late": (3,), "pair": (2, 3), "range": (2, 3), "turns": (3, 2), "all": (0, 1, 2, 3)}
# In a random model little passes from one token to the next, so the subject stands last.
REQUEST = EditRequest(fact=Fact.parse("The capital of {California}"), target_new="Berlin")


def edit_of(model: EditableModel, method: str, home: Path, **settings: Any) -> Edit:
    plugin = METHODS.get(method)
    config = plugin.Config(layers=LAYERS[plugin.LAYERS], formats=("completion",), prefixes=(), **settings)
    (edit,) = Editor(model, method=method, config=config, home=home).compute([[REQUEST]])
    assert isinstance(edit, Edit)
    return edit


def patch_of(model: EditableModel, edit: Edit) -> Patch:
    return Patch.make(model, edit.delta, edit.requests, Provenance(**edit.account(), who="Ada", why="a test"))


def logits_of(model: EditableModel, revision: Revision) -> torch.Tensor:
    batch = TokenBatch.align(model, [encode(model, REQUEST.fact.text)])
    with torch.no_grad(), at_revisions(model, [revision]):
        return model.head(model.hidden(batch)[0, -1])


def log_likelihood(model: EditableModel, revision: Revision) -> float:
    """Mean log-probability of the target's tokens after the prompt."""
    prompt, target = encode(model, REQUEST.fact.text), target_ids(model, REQUEST.target_new)
    batch = TokenBatch.align(model, [[*prompt, *target[:-1]]])
    with torch.no_grad(), at_revisions(model, [revision]):
        log_p = model.head(model.hidden(batch)[0, len(prompt) - 1 :]).log_softmax(dim=-1)
    return float(log_p.gather(1, torch.tensor(target)[:, None]).mean())


@pytest.mark.parametrize("method", METHODS.names())
def test_an_edit_is_saved_read_again_by_a_fresh_model_and_undone_bit_for_bit(
    tiny: EditableModel, tmp_path: Path, method: str
) -> None:
    tiny.network.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    # Both from the file: the last bit of a product of one row depends on where in memory a weight begins.
    first, fresh = load_model(str(tmp_path / "model")), load_model(str(tmp_path / "model"))
    edit = edit_of(first, method, tmp_path / "home")
    Ledger.open(first, tmp_path / "ledger").commit(patch_of(first, edit))
    ledger = Ledger.open(fresh, tmp_path / "ledger")
    here, there = logits_of(first, Revision(deltas=(edit.delta,))), logits_of(fresh, ledger.revision())
    assert torch.equal(here, there)
    assert not torch.allclose(here, logits_of(first, Revision()), atol=1e-4), "the edit changes nothing"
    ledger.revert([1], "Ada", "to undo it")
    assert torch.equal(logits_of(fresh, ledger.revision()), logits_of(first, Revision()))


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "opt"])
@pytest.mark.parametrize("method", METHODS.names())
def test_no_method_touches_a_head_that_is_tied_to_the_embedding(
    family: str, method: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = build_tiny(family, tiny_tokenizer, tie_word_embeddings=True)
    assert model.network.get_output_embeddings().weight is model.embedding.weight
    edit = edit_of(model, method, tmp_path / "home")
    changed = {f"{change.site}.weight" for change in edit.delta.changes}
    of_mlps = [path for at in range(model.n_layers) for path in (model.down_projection(at), *model.up_projections(at))]
    assert changed <= {f"{path}.weight" for path in of_mlps}
    folder = export_revision(model, [patch_of(model, edit)], tmp_path / "out", "merged")
    merged = AutoModelForCausalLM.from_pretrained(folder)
    assert merged.get_output_embeddings().weight is merged.get_input_embeddings().weight
    before, after = model.network.state_dict(), merged.state_dict()
    assert {name for name in before if not torch.equal(before[name], after[name])} == changed


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("method", ["rome", "memit", "alphaedit"])
def test_half_precision_weights_are_edited_with_float32_statistics_and_values(
    dtype: torch.dtype, method: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = EditableModel(build_tiny("llama", tiny_tokenizer).network.to(dtype), tiny_tokenizer, "half")
    moment = second_moments(model, [3], python_corpus(model), home=tmp_path)[3].matrix
    assert moment.dtype == torch.float32
    assert float(torch.linalg.eigvalsh(moment.double()).min()) > 0
    edit = edit_of(model, method, tmp_path, learning_rate=0.05, weight_decay=0.0, kl_weight=0.0)
    assert all(f.dtype == torch.float32 for c in edit.delta.changes for f in (c.output_factor, c.input_factor))
    assert all(parameter.dtype == dtype for parameter in model.network.parameters())
    before, after = (log_likelihood(model, revision) for revision in (Revision(), Revision(deltas=(edit.delta,))))
    assert after > before
