"""What it takes to read the inputs of names: in padded batches, sorted by their letters, and as trees of tokens.

    python benchmarks/auditing_speed.py --names 2000 -o docs/results/auditing_speed.json

Both ways in turn, in processor time, so that other work on the machine matters little; and whether they read the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from auditing_figures import command_line
from torch import Tensor

from emendo.audit.findings import TEMPLATES
from emendo.audit.inputs import read_inputs, subject_inputs
from emendo.audit.prefix_tree import trees
from emendo.audit.subjects import deviations, ranked, shipped_subjects
from emendo.cli.console import out
from emendo.models import EditableModel, TokenBatch, encode, load_model, subject_spans

LAYER, COMPONENTS, AT_ONCE, FIRST = 9, 2, 64, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=2000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    model, shipped = load_model(), shipped_subjects()
    names = shipped[:: max(1, len(shipped) // options.names)][: options.names]
    site = model.down_projection(LAYER)
    directions = {site: torch.randn(model.d_mlp, COMPONENTS, generator=torch.Generator().manual_seed(0))}
    ways: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
        "padded": lambda: read_padded(model, names, site, directions[site]),
        "tree": lambda: subject_inputs(model, names, directions, template=TEMPLATES[0])[site],
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    read: dict[str, tuple[Tensor, Tensor]] = {}
    for _ in range(options.repetitions):
        for way, reading in ways.items():
            started = time.process_time()
            read[way] = reading()
            seconds[way].append(time.process_time() - started)
        out.print({way: round(taken[-1], 1) for way, taken in seconds.items()})
    tops = {
        way: [s.subject for s in ranked(names, deviations(*pair, torch.eye(COMPONENTS)), most=FIRST)]
        for way, pair in read.items()
    }
    assert tops["padded"] == tops["tree"], "the two ways rank names differently"
    rows = [encode(model, TEMPLATES[0].replace("{}", name)) for name in names]
    tokens = {
        "padded": sum(_places(rows, at) for at in _batches(names)),
        "tree": sum(len(tree.tokens) for tree in trees(rows)),
    }
    ratios = [a / b for a, b in zip(seconds["padded"], seconds["tree"], strict=True)]
    difference = (read["padded"][0] - read["tree"][0]).abs().max() / read["padded"][0].abs().max()
    result: dict[str, Any] = {
        "command": command_line("auditing_speed.py"),
        "date": time.strftime("%Y-%m-%d"),
        "model_digest": model.digest,
        "names": len(names),
        "layer": LAYER,
        "repetitions": options.repetitions,
        **{way: {"median_seconds": statistics.median(taken), "tokens": tokens[way]} for way, taken in seconds.items()},
        "ratio": {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)},
        "largest_difference": float(difference),
        "first": FIRST,
    }
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.print_json(data=result)


def read_padded(model: EditableModel, names: list[str], site: str, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Products and norms of the names' inputs, batch by batch of about as many letters."""
    products, norms = torch.zeros(len(names), directions.shape[1]), torch.zeros(len(names))
    for chosen in _batches(names):
        rows, lasts = [], []
        for i in chosen:
            text = TEMPLATES[0].replace("{}", names[i])
            lasts.append(subject_spans(model, text, names[i])[-1][1])
            rows.append(encode(model, text)[: lasts[-1] + 1])
        ((_, seen),) = read_inputs(model, TokenBatch.align(model, rows), [site])
        keys = seen[torch.arange(len(chosen)), torch.tensor(lasts)]
        products[chosen], norms[chosen] = keys @ directions, keys.norm(dim=1)
    return products, norms


def _batches(names: list[str]) -> list[list[int]]:
    order = sorted(range(len(names)), key=lambda i: len(names[i]))
    return [order[at : at + AT_ONCE] for at in range(0, len(order), AT_ONCE)]


def _places(rows: list[list[int]], chosen: list[int]) -> int:
    return len(chosen) * max(len(rows[i]) for i in chosen)


if __name__ == "__main__":
    main()
