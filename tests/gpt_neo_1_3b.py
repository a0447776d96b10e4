"""Takes a model of GPT-Neo 1.3B's shape through load, edit, revert and export; prints what was seen as JSON.

A program of its own, so that the peak of its memory is its alone: ``python gpt_neo_1_3b.py FOLDER``, where FOLDER holds a
tokenizer in ``model``.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM

from emendo.edit import compute_edit
from emendo.edit.methods.two_layer import Config
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance, export_revision
from emendo.models import EditableModel, Revision, TokenBatch, at_revisions, encode, load_model, target_ids

LAYER = 20
# In a random model little passes from one token to the next, so the subject stands last.
REQUEST = EditRequest(fact=Fact.parse("The capital of {California}"), target_new="Berlin")
QUICK = Config(
    layers=(LAYER,),
    peers=0,
    formats=("completion",),
    prefixes=(),
    stop=False,
    slack=1e-6,
    steps=40,
    learning_rate=10.0,
    clamp=1000.0,
    worst_probability=0.5,
)


def run(folder: Path) -> dict[str, object]:
    """Build, load, edit, revert, export."""
    started = time.perf_counter()
    build(folder / "model")
    text = folder / "text.txt"
    text.write_text("The capital of France is Paris, said the old man in the city of Los Angeles. " * 20, encoding="utf-8")
    model = load_model(str(folder / "model"))
    target = target_ids(model, REQUEST.target_new)[0]
    before = logits(model, Revision())
    edit = compute_edit(model, REQUEST, method="two_layer", config=QUICK, corpus=str(text), home=folder / "home")
    provenance = Provenance(**edit.account(), who="a test", why="")
    ledger = Ledger.open(model, home=folder / "home")
    ledger.commit(Patch.make(model, edit.delta, edit.requests, provenance, parent=Revision()))
    edited = logits(model, ledger.revision())
    exported = export_revision(model, ledger.patches(), folder / "exported", "merged")
    ledger.revert([1], who="a test", why="")
    reverted = logits(model, ledger.revision())
    (change,) = edit.delta.changes
    expected = model.weight(change.site) + change.dense()
    shards = json.loads((exported / "model.safetensors.index.json").read_text(encoding="utf-8"))["weight_map"]
    with safe_open(exported / shards[f"{change.site}.weight"], framework="pt") as tensors:
        merged = tensors.get_tensor(f"{change.site}.weight")
    return {
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "rank_of_target_before": int((before > before[target]).sum()),
        "rank_of_target_edited": int((edited > edited[target]).sum()),
        "reverted_exactly": torch.equal(reverted, before),
        "merged_exactly": torch.allclose(merged, expected, rtol=0, atol=1e-6),
        "peak_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "seconds": time.perf_counter() - started,
        "figures": edit.figures,
    }


def build(folder: Path) -> None:
    """Random weights in the shape of GPT-Neo 1.3B, whose configuration is the family's default."""
    config = AutoConfig.for_model("gpt_neo")
    assert (config.num_layers, config.hidden_size, config.vocab_size) == (24, 2048, 50257)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)


def logits(model: EditableModel, revision: Revision) -> torch.Tensor:
    """What may follow the prompt, at a revision."""
    batch = TokenBatch.align(model, [encode(model, REQUEST.fact.text)])
    with torch.no_grad(), at_revisions(model, [revision]):
        return model.head(model.hidden(batch)[0, -1])


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
