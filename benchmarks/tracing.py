"""Causal tracing side by side: the plain procedure against `trace_fact`, on the same facts in one run.

    python benchmarks/tracing.py FACTS --facts 3 --json OUT.json

The plain procedure is that of Meng et al. (2022): for every token and layer one forward pass of 1 + n rows, the first row
clean and the others corrupted with the same noise, over all layers, all positions and the whole head; in the corrupted rows
the output of the named modules at that token is set to that of the first row. Severed variants run twice: the outputs of the
severed modules at that token are set to what they were in a first, corrupted pass.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emendo.facts import Fact, read_facts
from emendo.locate import RESTORATIONS, Kind, trace_fact
from emendo.locate.causal_tracing import subject_noise, subject_tokens
from emendo.models import EditableModel, Site, encode, load_model, patch_activation, target_ids

SITES = {
    "states": "resid_post",
    "mlp": "mlp_out",
    "attention": "attn_out",
    "states_mlp_severed": "resid_post",
    "states_attention_severed": "resid_post",
}
SEVERED = {"states_mlp_severed": "mlp_out", "states_attention_severed": "attn_out"}


def plain_cell(
    model: EditableModel,
    ids: Sequence[int],
    noise: Tensor,
    *,
    kind: Kind | None,
    token: int,
    layer: int,
    window: int,
) -> Tensor:
    """Probabilities after the prompt in the clean row and in each corrupted row, one cell restored unless `kind` is None."""
    first_pass: dict[Site, Tensor] = {}
    if kind in SEVERED:
        severed = [Site(SEVERED[kind], other) for other in range(model.n_layers)]
        _forward(model, ids, noise, {site: _keep(first_pass, site) for site in severed})
    restored = _restored(model, kind, layer, window)
    changes = {site: _restore(token, len(ids)) for site in restored}
    for site, values in first_pass.items():
        # Only what comes above the restored state: the lower layers are as they were in any case.
        changes[site] = _hold(token, len(ids), values)
    return _forward(model, ids, noise, changes)


def plain_trace(
    model: EditableModel, fact: Fact, target: int, kind: Kind, *, window: int, noise_samples: int, seed: int
) -> np.ndarray:
    """The indirect effect (tokens × layers), every cell from a forward pass of its own."""
    ids = encode(model, fact.text)
    noise = subject_noise(model, ids, subject_tokens(model, fact), noise_samples=noise_samples, noise_scale=3.0, seed=seed)
    corrupted = plain_cell(model, ids, noise, kind=None, token=0, layer=0, window=window)[1:, target].mean()
    effect = np.empty((len(ids), model.n_layers))
    for token in range(len(ids)):
        for layer in range(model.n_layers):
            patched = plain_cell(model, ids, noise, kind=kind, token=token, layer=layer, window=window)[1:, target]
            effect[token, layer] = float(patched.mean() - corrupted)
    return effect


def _restored(model: EditableModel, kind: Kind | None, layer: int, window: int) -> list[Site]:
    if kind is None:
        return []
    if kind in ("mlp", "attention"):
        layers = range(max(0, layer - window // 2), min(model.n_layers, layer - (-window // 2)))
        return [Site(SITES[kind], other) for other in layers]
    return [Site(SITES[kind], layer)]


def _forward(
    model: EditableModel, ids: Sequence[int], noise: Tensor, changes: dict[Site, Callable[[Tensor], Tensor]]
) -> Tensor:
    rows = torch.tensor([list(ids)] * (1 + noise.shape[0]), device=model.device)

    def corrupt(_: Any, __: Any, output: Tensor) -> Tensor:
        return torch.cat([output[:1], output[1:] + noise])

    with ExitStack() as stack:
        stack.callback(model.embedding.register_forward_hook(corrupt).remove)
        for site, change in changes.items():
            stack.enter_context(patch_activation(model, site, change))
        with torch.inference_mode():
            return model.network(input_ids=rows, use_cache=False).logits[:, -1].float().softmax(dim=-1)


def _restore(token: int, tokens: int) -> Callable[[Tensor], Tensor]:
    def change(activation: Tensor) -> Tensor:
        rows = activation.reshape(-1, tokens, activation.shape[-1]).clone()
        rows[1:, token] = rows[0, token]
        return rows.view_as(activation)

    return change


def _hold(token: int, tokens: int, values: Tensor) -> Callable[[Tensor], Tensor]:
    def change(activation: Tensor) -> Tensor:
        rows = activation.reshape(-1, tokens, activation.shape[-1]).clone()
        rows[1:, token] = values.reshape_as(rows)[1:, token]
        return rows.view_as(activation)

    return change


def _keep(values: dict[Site, Tensor], site: Site) -> Callable[[Tensor], Tensor]:
    def keep(activation: Tensor) -> Tensor:
        values[site] = activation
        return activation

    return keep


def compare(model: EditableModel, fact: Fact, kinds: Sequence[Kind], *, noise_samples: int, seed: int) -> dict[str, Any]:
    """Seconds of both procedures on one fact, and the greatest difference between their indirect effects."""
    clock = _Clock()
    trace = trace_fact(model, fact, kinds=kinds, noise_samples=noise_samples, seed=seed)
    seconds, processor = clock.read()
    target = target_ids(model, str(fact.target_true))[0]
    clock = _Clock()
    plain = {
        kind: plain_trace(model, fact, target, kind, window=trace.window, noise_samples=noise_samples, seed=seed)
        for kind in kinds
    }
    plain_seconds, plain_processor = clock.read()
    return {
        "fact": fact.marked,
        "tokens": len(trace.tokens),
        "before_subject": trace.subject_first,
        "plain_seconds": round(plain_seconds, 2),
        "emendo_seconds": round(seconds, 2),
        "ratio": round(plain_seconds / seconds, 2),
        "ratio_of_processor_time": round(plain_processor / processor, 2),
        "max_difference": max(float(abs(plain[kind] - trace.effects[kind].indirect_effect).max()) for kind in kinds),
    }


class _Clock:
    """Seconds by the clock and of processor time since it was made; other programs disturb the former more."""

    def __init__(self) -> None:
        self.started = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.started[0], time.process_time() - self.started[1]


def knows(model: EditableModel, fact: Fact) -> bool:
    """Whether the likeliest next token is the first of the true target."""
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([encode(model, fact.text)], device=model.device)).logits[0, -1]
    return int(logits.argmax()) == target_ids(model, str(fact.target_true))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="facts with prompt, subject and true target")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--facts", type=int, default=3, help="how many known facts, drawn at random")
    parser.add_argument("--kinds", nargs="+", choices=tuple(RESTORATIONS), default=["states", "mlp", "attention"])
    parser.add_argument("--noise-samples", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the result to this file too")
    options = parser.parse_args()

    model = load_model(options.model, dtype=torch.float32)
    facts = read_facts(options.file)
    random.Random(options.seed).shuffle(facts)  # noqa: S311
    rows = []
    for fact in islice((fact for fact in facts if knows(model, fact)), options.facts):
        rows.append(compare(model, fact, options.kinds, noise_samples=options.noise_samples, seed=options.seed))
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    result = {
        "command": f"python benchmarks/tracing.py {options.file.name} --facts {options.facts} --seed {options.seed}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "model": model.name,
        "model_digest": model.digest,
        "threads": torch.get_num_threads(),
        "kinds": options.kinds,
        "noise_samples": options.noise_samples,
        "n": len(rows),
        **{name: _spread([row[name] for row in rows]) for name in ("ratio", "ratio_of_processor_time")},
        "max_difference": max(row["max_difference"] for row in rows),
        "facts": rows,
    }
    for name, by in (("ratio", "by the clock"), ("ratio_of_processor_time", "in processor time")):
        spread = result[name]
        print(f"{spread['median']} times as fast {by} (median of n = {len(rows)}; {spread['min']} to {spread['max']})")
    print(f"greatest difference {result['max_difference']:.1e}")
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


if __name__ == "__main__":
    main()
