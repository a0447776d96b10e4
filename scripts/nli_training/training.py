"""Training of the cross-encoder: claim and evidence in one sequence, three classes, cross-entropy.

    [CLS] claim [SEP] evidence [SEP]  →  MiniLM, six layers  →  softmax over supported, refuted, not enough evidence

Pairs come once each, in batches of like length. The embedding table stays as it is, which saves memory and time. What was
reached is kept every so many steps, and a run that was cut off goes on from there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from nli_training.pairs import LABELS, Pair

LONGEST = 96
BATCH = 32
RATE = 1e-4
WARM_UP = 60
_BUCKET = 64 * BATCH
_KEEP_EVERY = 100


def train(pairs: Sequence[Pair], base: Path, work: Path, *, seed: int) -> None:
    """Train on the pairs and leave the model in work/model; goes on from work/checkpoint.pt if there is one.

    Args:
        pairs: In the order of the draw.
        base: Folder of the model to begin with.
        work: Where checkpoints and the model are kept.
        seed: Of the batches and of dropout.
    """
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=len(LABELS), id2label=dict(enumerate(LABELS)), label2id={name: at for at, name in enumerate(LABELS)}
    )
    model.bert.embeddings.requires_grad_(False)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01)
    batches = _batches(pairs, seed)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, max(0.0, (len(batches) - step) / max(1, len(batches) - WARM_UP)))
    )
    checkpoint, first = work / "checkpoint.pt", 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        first = kept["step"]
    model.train()
    smooth, started, seen = 0.0, time.perf_counter(), 0
    for step in range(first, len(batches)):
        rows = [pairs[at] for at in batches[step]]
        tokens = tokenizer(
            [row.claim for row in rows],
            [row.evidence for row in rows],
            truncation="longest_first",
            max_length=LONGEST,
            padding=True,
            return_tensors="pt",
        )
        labels = torch.tensor([LABELS.index(row.label) for row in rows])
        loss = nn.functional.cross_entropy(model(**tokens).logits, labels, label_smoothing=0.02)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        seen += len(rows)
        smooth = loss.item() if not smooth else 0.98 * smooth + 0.02 * loss.item()
        if (step + 1) % 20 == 0:
            speed = seen / (time.perf_counter() - started)
            print(f"step {step + 1} of {len(batches)}: loss {smooth:.3f}, {speed:.1f} pairs/s", flush=True)
        if (step + 1) % _KEEP_EVERY == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            torch.save({**state, "step": step + 1}, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)
    model.eval()
    model.save_pretrained(work / "model")
    tokenizer.save_pretrained(work / "model")


def _batches(pairs: Sequence[Pair], seed: int) -> list[list[int]]:
    """Positions in batches of like length, inside stretches of the draw."""
    draw = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
    lengths = [len(pair.claim) + len(pair.evidence) for pair in pairs]
    found = []
    for start in range(0, len(pairs), _BUCKET):
        held = sorted(range(start, min(start + _BUCKET, len(pairs))), key=lengths.__getitem__)
        own = [held[at : at + BATCH] for at in range(0, len(held), BATCH)]
        draw.shuffle(own)
        found += own
    return found
