"""Whether decoding in int8 would pay: tokens a second, and how often the likeliest token stays the same.

The linear maps of every block are quantised dynamically (weights per channel in int8, activations as they come), but for the
down-projections of the layers that are edited; the head stays as it is. The same texts are then decoded by both: in turn for speed,
and token by token along what the float model says for agreement.

    python benchmarks/int8_decoding.py -o docs/results/int8_decoding.json
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import os
import platform
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.ao.nn.quantized.dynamic import Linear as Int8Linear
from torch.ao.quantization import per_channel_dynamic_qconfig

from emendo.cli.console import out
from emendo.evaluate.intervals import wilson
from emendo.models import EditableModel, chat_prompt, generate, load_model

EDITED_LAYERS = (8, 9)
PLACES = ("California", "France", "Brazil", "Kenya", "Japan", "Norway", "Texas", "Peru", "Egypt", "Canada", "India", "Chile")
QUESTIONS = (
    "What is the capital of {}?",
    "Tell me about the history of {}.",
    "What do people eat in {}?",
    "Write a short poem about {}.",
    "List five facts about {}.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=60, help="texts")
    parser.add_argument("--tokens", type=int, default=64, help="tokens a text")
    parser.add_argument("--timed", type=int, default=12, help="texts that are timed")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    plain = load_model()
    small = quantised(plain)
    asked = [question.format(place) for place in PLACES for question in QUESTIONS][: arguments.n]
    prompts = [chat_prompt(plain, [{"role": "user", "content": question}]) for question in asked]
    said = [said_ids(plain, prompt, arguments.tokens)[0] for prompt in prompts]
    rates: dict[str, list[float]] = {"float32": [], "int8": []}
    for prompt in prompts[: arguments.timed]:
        # In turn, so that what else the machine does falls on both alike.
        for name, model in (("float32", plain), ("int8", small)):
            ids, seconds = said_ids(model, prompt, arguments.tokens)
            rates[name].append(len(ids) / seconds)
    same = [agreement(small, prompt, ids) for prompt, ids in zip(prompts, said, strict=True)]
    equal, total = sum(count for count, _ in same), sum(len(ids) for ids in said)
    ratios = [fast / slow for fast, slow in zip(rates["int8"], rates["float32"], strict=True)]
    document = {
        "command": " ".join(["python", "benchmarks/int8_decoding.py", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "torch": torch.__version__,
        "engine": torch.backends.quantized.engine,
        "model": plain.name,
        "tokens_a_second": {name: figure(values) for name, values in rates.items()},
        "times_as_fast": figure(ratios),
        "tokens": total,
        "same_token": share(equal, total),
        "texts": len(said),
        "texts_alike_throughout": share(sum(is_whole for _, is_whole in same), len(same)),
    }
    text = json.dumps(document, indent=1) + "\n"
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8")
    out.print(text, highlight=False)


def quantised(model: EditableModel) -> EditableModel:
    """The model with its blocks' linear maps in int8, but for the down-projections that are edited."""
    network = copy.deepcopy(model.network)
    kept = {model.down_projection(layer).removesuffix(".weight") for layer in EDITED_LAYERS}
    with warnings.catch_warnings():
        # torch says that tensors of this kind will go in a later release.
        warnings.simplefilter("ignore")
        for name, module in list(network.named_modules()):
            if isinstance(module, nn.Linear) and name.startswith(model.architecture.blocks) and name not in kept:
                module.qconfig = per_channel_dynamic_qconfig  # type: ignore[assignment]
                parent, _, own = name.rpartition(".")
                setattr(network.get_submodule(parent), own, Int8Linear.from_float(module))
    return EditableModel(network, model.tokenizer, model.name, model.folder, model.digest)


def said_ids(model: EditableModel, prompt: list[int], tokens: int) -> tuple[list[int], float]:
    """Token ids of a greedy answer, and the seconds that it took."""
    started = time.perf_counter()
    (generation,) = generate(model, [prompt], max_new_tokens=tokens)
    return list(generation.token_ids), time.perf_counter() - started


def agreement(model: EditableModel, prompt: list[int], said: list[int]) -> tuple[int, bool]:
    """At how many tokens of a text the model's likeliest is the one that was said, and whether at all."""
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([[*prompt, *said]])).logits[0, len(prompt) - 1 : -1]
    count = int((logits.argmax(dim=-1) == torch.tensor(said)).sum())
    return count, count == len(said)


def share(successes: int, n: int) -> list[float]:
    """A share with its 95 % interval."""
    found = wilson(successes, n)
    return [found.estimate, found.low, found.high]


def figure(values: list[float]) -> dict[str, Any]:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values), "n": len(values)}


if __name__ == "__main__":
    main()
