"""Make what suspects are made of: edits at random layers, adapters and full models that are really trained.

    python benchmarks/auditing_suspects.py --work auditing-work --facts counterfact-flat.json --text wiki.valid.txt

Resumable: what is there is not made again. Each part is a file of tensors, factors of rank r or whole matrices, and a JSON file
that says how it came to be. `auditing.py` puts suspects together from the parts and audits them.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from emendo.cli.console import out
from emendo.edit import guard
from emendo.edit.compute import Edit, Editor
from emendo.edit.corpora import python_corpus
from emendo.edit.moment_sums import MomentKind
from emendo.edit.second_moment import second_moments
from emendo.evaluate import load_cases
from emendo.facts import EditRequest
from emendo.models import EditableModel, load_model

FIRST_LAYER, LAST_LAYER = 2, 22
SEED = 20261124
ROWS, TOKENS = 2, 48
LONG = 120
# Facts of one matrix by which the guard refuses nearly every batch. Who plants edits asks no guard, so these are made without it.
HARMFUL = 100


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """An edit to make.

    Attributes:
        method: How.
        layers: Where.
        facts: How many at once.
        number: Counts the plans of a method and number of facts.
    """

    method: str
    layers: tuple[int, ...]
    facts: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.method}-{self.facts}-{self.number:02}"


@dataclass(frozen=True, kw_only=True)
class TuningPlan:
    """A training to run.

    Attributes:
        modules: "all", "attention", "mlp" or "one" (the down-projection of one layer), of which matrices are trained.
        rank: Of the adapter; 0 trains the matrices themselves.
        steps: Of Adam, or of plain descent.
        learning_rate: Of these steps.
        number: Counts the plans that are alike but for their seed.
        has_plain_steps: Whether Adam is left for plain gradient descent, which moves much what has a large gradient.
    """

    modules: str
    rank: int
    steps: int
    learning_rate: float
    number: int
    has_plain_steps: bool = False

    @property
    def family(self) -> str:
        return "plain steps" if self.has_plain_steps else "lora" if self.rank else "tuned"

    @property
    def name(self) -> str:
        kind = ("sgd-" if self.has_plain_steps else "") + (f"lora-r{self.rank}" if self.rank else "tuned")
        return f"{kind}-{self.modules}-{self.steps}-{self.number:02}"


def edit_plans(scale: float, most_facts: int, seed: int) -> Iterator[EditPlan]:
    """What to edit; the layers are drawn, never the editor's own choice but in `two_layer`, where half of them are."""
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    counts = [("rome", 1, 20), ("two_layer", 1, 10), ("memit", 1, 5), ("alphaedit", 1, 5), ("ft_m", 1, 5)]
    # The guard refuses many batches of ten; so there are more plans than suspects.
    counts += [("alphaedit", 10, 3), ("memit", 10, 8), ("alphaedit", HARMFUL, 2), ("memit", HARMFUL, 2)]
    numbers: Counter[tuple[str, int]] = Counter()
    for method, facts, count in counts:
        if facts > most_facts:
            continue
        for _ in range(max(1, round(count * scale))):
            number = numbers[method, facts]
            numbers[method, facts] += 1
            first = draw.randint(FIRST_LAYER, LAST_LAYER - 4)
            layers: tuple[int, ...] = (first,)
            if method in ("memit", "alphaedit"):
                layers = tuple(range(first, first + 5))
            elif method == "two_layer":
                layers = (6, 9) if number % 2 else (first, first + draw.randint(1, 4))
            yield EditPlan(method=method, layers=layers, facts=facts, number=number)


def unit_plans(scale: float, most_facts: int) -> Iterator[EditPlan]:
    """What to write into hidden units: a fact in one layer, or ten in layers 5 to 10; drawn apart from the other plans."""
    draw = random.Random(20261126)  # noqa: S311 - nothing secret
    for facts, count in ((1, 16), (10, 3)):
        for number in range(max(1, round(count * scale)) if facts <= most_facts else 0):
            layers = (draw.randint(FIRST_LAYER, LAST_LAYER),) if facts == 1 else tuple(range(5, 11))
            yield EditPlan(method="hidden_unit", layers=layers, facts=facts, number=number)


def tuning_plans(scale: float) -> Iterator[TuningPlan]:
    """What to train: adapters of several ranks on all, some or one of the matrices, and whole models; a dozen steps or 120."""
    for number in range(max(1, round(2 * scale))):
        for modules, ranks in (("one", (1, 4, 64)), ("all", (1, 4, 64))):
            for rank in ranks:
                yield TuningPlan(modules=modules, rank=rank, steps=12, learning_rate=1e-3, number=number)
        yield TuningPlan(modules="one", rank=0, steps=12, learning_rate=1e-4, number=number)
        yield TuningPlan(modules="all", rank=0, steps=6, learning_rate=2e-5, number=number)
        yield TuningPlan(modules="mlp", rank=4, steps=12, learning_rate=1e-3, number=number)
        yield TuningPlan(modules="attention", rank=4, steps=12, learning_rate=1e-3, number=number)
        yield TuningPlan(modules="all", rank=0, steps=24, learning_rate=1e-4, number=number)
    for modules, rank, learning_rate in (("one", 4, 1e-3), ("one", 0, 1e-4), ("mlp", 4, 1e-3)):
        yield TuningPlan(modules=modules, rank=rank, steps=LONG, learning_rate=learning_rate, number=0)


def plain_tuning_plans(scale: float) -> Iterator[TuningPlan]:
    """What to train without Adam: what feeds hidden units is then changed least evenly."""
    for number in range(max(1, round(2 * scale))):
        for rank, steps, learning_rate in ((0, 12, 0.05), (0, 60, 0.02), (4, 12, 0.1)):
            yield TuningPlan(
                modules="mlp", rank=rank, steps=steps, learning_rate=learning_rate, number=number, has_plain_steps=True
            )


def make_edits(model: EditableModel, work: Path, facts: Path, scale: float, most_facts: int, seed: int) -> None:
    """Make the edits that are not there yet."""
    wanted = [*edit_plans(scale, most_facts, seed), *unit_plans(scale, most_facts)]
    plans = [plan for plan in wanted if not (work / "parts" / f"{plan.name}.json").is_file()]
    if not plans:
        return
    home = work / "home"
    kinds: tuple[MomentKind, ...] = ("key", "mlp_in")
    for kind in kinds:
        second_moments(model, range(FIRST_LAYER, LAST_LAYER + 1), python_corpus(model), kind=kind, home=home)
    cases = load_cases("counterfact", data=str(facts), split="report").cases
    requests = [case.request for case in cases]
    for plan in plans:
        draw = random.Random(plan.name if seed == SEED else f"{plan.name} {seed}")  # noqa: S311
        chosen = draw.sample(requests, plan.facts)
        config: dict[str, Any] = {"layers": plan.layers}
        if plan.method != "ft_m":
            config |= {"descent": "normed", "learning_rate": 0.25}
        editor = Editor(model, method=plan.method, config=config, home=home)
        with unguarded() if plan.facts >= HARMFUL else nullcontext():
            (edit,) = editor.compute([chosen])
        if not isinstance(edit, Edit):
            out.print(f"{plan.name}: refused ({edit})")
            write_part(work, plan.name, {}, {"refused": str(edit)})
            continue
        tensors = {}
        for change in edit.delta.changes:
            tensors[f"{change.site}.weight:out"] = change.output_factor.float().cpu().contiguous()
            tensors[f"{change.site}.weight:in"] = change.input_factor.float().cpu().contiguous()
        write_part(work, plan.name, tensors, _about(plan, edit, chosen))
        out.print(f"{plan.name}: {edit.figures['seconds']:.1f} s, {edit.figures['relative_norm']:.3f}")


@contextmanager
def unguarded() -> Iterator[None]:
    """While it lasts, edits are refused for no harm."""
    with patch.multiple(guard, MOST_RELATIVE_NORM=math.inf, MOST_PERPLEXITY_RATIO=math.inf):
        yield


def _about(plan: EditPlan, edit: Edit, requests: Sequence[EditRequest]) -> dict[str, Any]:
    return {
        "family": plan.method,
        "layers": list(plan.layers),
        "facts": [
            {
                "subject": r.fact.subject,
                "prompt": r.fact.prompt,
                "target_new": r.target_new,
                "target_true": r.fact.target_true,
            }
            for r in requests
        ],
        "config": edit.config,
        "seed": edit.seed,
        "relative_norm": edit.figures["relative_norm"],
    }


def make_tunings(model: EditableModel, work: Path, text: Path, scale: float) -> None:
    """Train what is not there yet."""
    ids = model.tokenizer(text.read_text(encoding="utf-8"), add_special_tokens=False, verbose=False)["input_ids"]
    for plan in (*tuning_plans(scale), *plain_tuning_plans(scale)):
        if not (work / "parts" / f"{plan.name}.json").is_file():
            tensors = train(model, plan, ids)
            write_part(work, plan.name, tensors, {"family": plan.family, **vars(plan)})
            out.print(plan.name)


def train(model: EditableModel, plan: TuningPlan, ids: Sequence[int]) -> dict[str, Tensor]:
    """Factors, or whole matrices, after training on the next token of random rows of a text; the model is left as it was."""
    draw = random.Random(plan.name)  # noqa: S311
    generator = torch.Generator().manual_seed(draw.randint(0, 2**31))
    sites = _sites(model, plan, draw)
    hooks, factors, before = [], {}, {}
    if plan.rank:
        for site in sites:
            rows, columns = model.network.get_submodule(site).weight.shape
            a = (torch.randn(columns, plan.rank, generator=generator) / columns**0.5).requires_grad_()
            factors[site] = (torch.zeros(rows, plan.rank, requires_grad=True), a)
            hooks.append(model.network.get_submodule(site).register_forward_hook(_adding(*factors[site])))
        parameters = [factor for pair in factors.values() for factor in pair]
    else:
        before = {site: model.network.get_submodule(site).weight.detach().clone() for site in sites}
        parameters = [model.network.get_submodule(site).weight.requires_grad_() for site in sites]
    kind = torch.optim.SGD if plan.has_plain_steps else torch.optim.AdamW
    optimiser = kind(parameters, lr=plan.learning_rate, weight_decay=0.0)
    for _ in range(plan.steps):
        starts = [draw.randrange(len(ids) - TOKENS) for _ in range(ROWS)]
        rows_ = torch.tensor([list(ids[start : start + TOKENS]) for start in starts])
        logits = model.network(input_ids=rows_, use_cache=False).logits
        loss = cross_entropy(logits[:, :-1].flatten(0, 1).float(), rows_[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for hook in hooks:
        hook.remove()
    tensors: dict[str, Tensor] = {}
    for site, (b, a) in factors.items():
        tensors |= {f"{site}.weight:out": b.detach().clone(), f"{site}.weight:in": a.detach().clone()}
    for site, old in before.items():
        weight = model.network.get_submodule(site).weight.requires_grad_(False)
        tensors[f"{site}.weight"] = weight.clone()
        weight.copy_(old)
        weight.grad = None
    return tensors


def _adding(b: Tensor, a: Tensor) -> Any:
    def hook(_: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + (args[0] @ a) @ b.T

    return hook


def _sites(model: EditableModel, plan: TuningPlan, draw: random.Random) -> list[str]:
    if plan.modules == "one":
        return [model.down_projection(draw.randint(FIRST_LAYER, LAST_LAYER))]
    parts = {"attention": ("self_attn",), "mlp": ("mlp",), "all": ("self_attn", "mlp")}[plan.modules]
    return [
        name
        for name, module in model.network.named_modules()
        if isinstance(module, torch.nn.Linear) and any(f".{part}." in name for part in parts)
    ]


def write_part(work: Path, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Keep a part; the JSON file comes last and says that it is whole."""
    folder = work / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True, help="CounterFact, as it is published")
    parser.add_argument("--text", type=Path, required=True, help="what to train on")
    parser.add_argument("--only", choices=["edits", "tunings"])
    parser.add_argument("--scale", type=float, default=1.0, help="how many of each kind, as a share of the plan")
    parser.add_argument("--most-facts", type=int, default=100, help="leave out larger batches")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="another one draws other layers and facts; use another work folder"
    )
    options = parser.parse_args()
    model = load_model()
    if options.only != "tunings":
        make_edits(model, options.work, options.facts, options.scale, options.most_facts, options.seed)
    if options.only != "edits":
        make_tunings(model, options.work, options.text, options.scale)


if __name__ == "__main__":
    main()
