"""The averaged causal trace over the facts of a file that a model knows, with its picture.

    python benchmarks/known_facts_trace.py FACTS --work CACHE.jsonl --facts 100 -o docs/results/tracing_known_facts

A fact is known if the likeliest next token is the first of the true target. Of the known facts a seeded random sample is
traced. One line a fact goes to the cache, so an interrupted run continues where it stopped; the result is a .json and .png.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import torch

from emendo.facts import Fact, read_facts
from emendo.locate import RESTORATIONS, CausalTrace, average_traces, draw_average, trace_fact
from emendo.models import EditableModel, TokenBatch, encode, load_model, target_ids


def known_facts(model: EditableModel, facts: list[Fact]) -> list[Fact]:
    """The facts whose true target the model predicts."""
    known = []
    for fact in facts:
        assert fact.target_true is not None, f"'{fact.text}' has no true target"
        with torch.inference_mode():
            logits = model.head(model.hidden(TokenBatch.align(model, [encode(model, fact.text)]))[0, -1])
        if int(logits.argmax()) == target_ids(model, fact.target_true)[0]:
            known.append(fact)
    return known


def cached_traces(path: Path) -> dict[Fact, CausalTrace]:
    """The traces that an earlier run wrote; a last line that was cut short is dropped."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")
    path.write_text("".join(line + "\n" for line in lines[:-1]), encoding="utf-8")
    traces = [CausalTrace.from_dict(json.loads(line)) for line in lines[:-1]]
    return {trace.fact: trace for trace in traces}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="facts with prompt, subject and true target")
    parser.add_argument("--work", type=Path, required=True, help="cache: one JSON line a fact")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--facts", type=int, default=100, help="how many of the known facts to trace")
    parser.add_argument("--kinds", nargs="+", choices=tuple(RESTORATIONS), default=["states", "mlp", "attention"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True, help="path of the result without its suffix")
    options = parser.parse_args()

    model = load_model(options.model, dtype=getattr(torch, options.dtype))
    facts = [replace(fact, prompt=fact.prompt.strip()) for fact in read_facts(options.file)]
    known = known_facts(model, facts)
    # The whole list is drawn in a random order, so that a smaller sample is the beginning of a larger one.
    sample = random.Random(options.seed).sample(known, len(known))[: options.facts]  # noqa: S311
    print(f"{model.name} knows {len(known)} of {len(facts)} facts; {len(sample)} of these are traced.", flush=True)
    traces = cached_traces(options.work)
    for number, fact in enumerate(sample, start=1):
        if fact not in traces:
            started = time.perf_counter()
            traces[fact] = trace_fact(model, fact, kinds=options.kinds, seed=options.seed)
            with options.work.open("a", encoding="utf-8") as cache:
                cache.write(json.dumps(traces[fact].to_dict(), ensure_ascii=False) + "\n")
                cache.flush()
                os.fsync(cache.fileno())
            print(f"{number}/{len(sample)} {fact.text} ({time.perf_counter() - started:.1f} s)", flush=True)

    average = average_traces([traces[fact] for fact in sample])
    result = {
        "command": f"python benchmarks/known_facts_trace.py {options.file.name} --work CACHE.jsonl --facts {options.facts} "
        f"--dtype {options.dtype} --seed {options.seed} -o {options.output.name}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "model": model.name,
        "model_digest": model.digest,
        "dtype": options.dtype,
        "facts_in_file": len(facts),
        "facts_known": len(known),
        "seed": options.seed,
        **average.to_dict(),
    }
    options.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw_average(average, options.output.with_suffix(".png"))
    print(json.dumps({name: value for name, value in result.items() if name != "effects"}, indent=1))


if __name__ == "__main__":
    main()
