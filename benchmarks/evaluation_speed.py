"""How much faster cases are measured in shared batches than prompt by prompt, and whether the values are the same.

Both measure the same cases at the same revisions, the original and each case's own, in one process. In shared batches, that is by
`observe`, all cases run at once. Prompt by prompt, one prompt and target, one revision and one answer run at a time, and nothing
is shared; that is done for a few of the cases, and its time a case is multiplied by the number of cases.

The revisions are random changes of rank one at one layer, a different one for each case: what they teach does not matter here.

    python benchmarks/evaluation_speed.py counterfact --n 100 --alone 4 -o docs/results/evaluation_speed.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from emendo.cli.console import out, progress
from emendo.evaluate import Case, load_cases
from emendo.evaluate.observation import MAX_NEW_TOKENS, Observation, observe
from emendo.models import (
    ORIGINAL,
    EditableModel,
    Revision,
    SiteDelta,
    WeightDelta,
    at_revisions,
    chat_prompt,
    encode,
    generate,
    load_model,
    target_ids,
)

NLL_TOLERANCE = 1e-3
# ‖Δ‖/‖W‖ of each random change.
RELATIVE_NORM = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--n", type=int, default=100, help="cases that are measured in shared batches")
    parser.add_argument("--alone", type=int, default=4, help="cases that are measured prompt by prompt too")
    parser.add_argument("--layer", type=int, default=6)
    parser.add_argument("--threads", type=int, help="of torch; all cores unless given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)

    model = load_model(options.model)
    cases = load_cases(options.benchmark, n=options.n, split="report", seed=options.seed)
    revisions = [random_revision(model, options.layer, options.seed + i) for i in range(len(cases.cases))]
    sights = [(case, ORIGINAL) for case in cases.cases]
    sights += list(zip(cases.cases, revisions, strict=True))
    observe(model, sights[:1])

    few = cases.draw(options.alone).cases
    chosen = [at for at, (case, _) in enumerate(sights) if any(case.id == other.id for other in few)]
    alone: dict[int, dict[str, Any]] = {}
    seconds_alone: list[float] = []
    together = 0.0
    seen: list[Observation] = []
    with progress("prompt by prompt") as report:
        for done, at in enumerate(chosen):
            if done == len(chosen) // 2:
                # In the middle, so that a machine that slows down or speeds up favours neither.
                began = time.perf_counter()
                seen = observe(model, sights)
                together = time.perf_counter() - began
            began = time.perf_counter()
            alone[at] = one_by_one(model, *sights[at])
            seconds_alone.append(time.perf_counter() - began)
            report(done + 1, len(chosen))

    result: dict[str, Any] = {
        "command": "python benchmarks/evaluation_speed.py " + " ".join(sys.argv[1:]),
        "model_digest": model.digest,
        "threads": torch.get_num_threads(),
        "cases": len(cases.cases),
        "prompts": [prompts_of(case) for case in cases.cases],
        "shared batches": {"seconds": together, "seconds_a_case": together / len(cases.cases)},
        "prompt by prompt": {
            "cases": len(few),
            "seconds": seconds_alone,
            "seconds_a_case": sum(seconds_alone) / len(few),
            "scaled_to_all_cases": sum(seconds_alone) / len(few) * len(cases.cases),
        },
    }
    result["ratio"] = result["prompt by prompt"]["scaled_to_all_cases"] / together
    result["equality"] = compare([plainly(seen[at]) for at in chosen], [alone[at] for at in chosen])
    tell(result)
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def random_revision(model: EditableModel, layer: int, seed: int) -> Revision:
    """The original with one random change of rank one."""
    generator = torch.Generator().manual_seed(seed)
    site = model.down_projection(layer)
    u, v = torch.randn(model.d_model, 1, generator=generator), torch.randn(model.d_mlp, 1, generator=generator)
    norm = RELATIVE_NORM * float(model.weight(site).float().norm())
    u *= norm / float(u.norm() * v.norm())
    return ORIGINAL.plus(WeightDelta(changes=(SiteDelta(site=site, output_factor=u, input_factor=v),)))


def prompts_of(case: Case) -> int:
    """How many prompts a case has: those that are scored, and those that are answered."""
    return 1 + len(case.paraphrases) + len(case.neighbours) + 2 + len(case.questions) + len(case.asked)


def one_by_one(model: EditableModel, case: Case, revision: Revision) -> dict[str, Any]:
    """What `observe` finds about a case, one prompt at a time."""
    new = case.request.target_new
    pairs = [(text, new, case.rival) for text in (case.request.fact.text, *case.paraphrases)]
    pairs += [(neighbour.prompt, neighbour.target_true, new) for neighbour in case.neighbours]
    scores, texts, choices = [], [], []
    for text, *targets in pairs:
        scores.append([score(model, encode(model, text), target_ids(model, target), revision) for target in targets])
    asked = [(encode(model, case.request.fact.text), MAX_NEW_TOKENS)]
    asked += [(chat_prompt(model, text), MAX_NEW_TOKENS) for text in (case.request.fact.question(), *case.questions)]
    for one in case.asked:
        prompt = chat_prompt(model, one.text) if one.is_chat else encode(model, one.text)
        if one.choices:
            first = [model.tokenizer(choice, add_special_tokens=False)["input_ids"][:1] for choice in one.choices]
            rated = [score(model, prompt, tokens, revision)["nll"] for tokens in first]
            choices.append(one.choices[rated.index(min(rated))])
        else:
            asked.append((prompt, one.max_new_tokens))
    for prompt, most in asked:
        (said,) = generate(model, [prompt], [revision], max_new_tokens=most)
        texts.append(said.text)
    return {"scores": scores, "texts": texts, "choices": choices}


def score(model: EditableModel, prompt: Sequence[int], target: Sequence[int], revision: Revision) -> dict[str, Any]:
    """Mean negative log-likelihood of a target, and whether it is the likeliest: one row, the whole of it through the head."""
    ids = torch.tensor([[*prompt, *target]])
    with torch.inference_mode(), at_revisions(model, [revision]):
        log_p = model.network(input_ids=ids).logits[0].float().log_softmax(dim=-1)
    rows = log_p[len(prompt) - 1 : -1]
    nll = -rows.gather(1, torch.tensor(target)[:, None]).mean()
    return {"nll": float(nll), "is_argmax": rows.argmax(dim=-1).tolist() == list(target)}


def plainly(seen: Observation) -> dict[str, Any]:
    """An observation in the form of `one_by_one`."""
    compared = [seen.rewrite, *seen.paraphrases, *seen.neighbours]
    scores = [[asdict(target) for target in (one.wanted, one.other)] for one in compared]
    generated = [one for one in seen.asked if one.tokens or one.text not in ("Yes", "No")]
    said = [seen.completion.text, seen.chat.text, *(answer.text for answer in seen.questions)]
    return {
        "scores": scores,
        "texts": said + [one.text for one in generated],
        "choices": [one.text for one in seen.asked if one not in generated],
    }


def compare(batched: Sequence[dict[str, Any]], alone: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many values there are, and how many differ."""
    pairs = [
        (one, other)
        for a, b in zip(batched, alone, strict=True)
        for ones, others in zip(a["scores"], b["scores"], strict=True)
        for one, other in zip(ones, others, strict=True)
    ]
    comparisons = [
        ((x[0]["nll"] < x[1]["nll"]) == (y[0]["nll"] < y[1]["nll"]))
        for a, b in zip(batched, alone, strict=True)
        for x, y in zip(a["scores"], b["scores"], strict=True)
    ]
    texts = [
        one == other
        for a, b in zip(batched, alone, strict=True)
        for name in ("texts", "choices")
        for one, other in zip(a[name], b[name], strict=True)
    ]
    differences = [abs(one["nll"] - other["nll"]) for one, other in pairs]
    return {
        "targets": len(pairs),
        "greatest_nll_difference": max(differences),
        "nll_beyond_tolerance": sum(difference > NLL_TOLERANCE for difference in differences),
        "argmax_differs": sum(one["is_argmax"] != other["is_argmax"] for one, other in pairs),
        "comparisons": len(comparisons),
        "comparison_differs": comparisons.count(False),
        "answers": len(texts),
        "answer_differs": texts.count(False),
    }


def tell(result: dict[str, Any]) -> None:
    """Print what came out."""
    shared, alone, equality = result["shared batches"], result["prompt by prompt"], result["equality"]
    prompts = statistics.mean(result["prompts"])
    out.print(f"{result['cases']} cases of {prompts:.0f} prompts on average, at two revisions each")
    out.print(f"shared batches    {shared['seconds']:.1f} s, {shared['seconds_a_case']:.2f} s a case")
    out.print(
        f"prompt by prompt  {alone['scaled_to_all_cases']:.1f} s, {alone['seconds_a_case']:.2f} s a case "
        f"(scaled from {alone['cases']} of the cases)"
    )
    out.print(f"ratio             {result['ratio']:.1f}")
    out.print(
        f"equal             {equality['targets']} nll to {equality['greatest_nll_difference']:.1e}; differing: "
        f"{equality['argmax_differs']} argmax, {equality['comparison_differs']} of {equality['comparisons']} comparisons, "
        f"{equality['answer_differs']} of {equality['answers']} answers"
    )


if __name__ == "__main__":
    main()
