"""How much faster than the procedure as published: one edit, a batch, second moments, a sequence; and where the time goes.

Everything runs in one process on the same model and cases, so that the ratios hold on a noisy machine; only the memory is that of
a process of its own, which loads the model and makes one edit. A picture of the shares of time is drawn beside the output.

    python benchmarks/speed.py counterfact --n 10 --batch 30 -o docs/results/speed.json
    python benchmarks/speed.py counterfact --n 10 --batch 100 --method rome --set descent=normed --set prefixes=10 \\
        --set kl_weight=0.2 --set weight_decay=0.001 --set worst_probability=0.7 -o docs/results/speed_rome.json
"""

from __future__ import annotations

import argparse
import cProfile
import datetime
import json
import multiprocessing
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from published import published_rome, published_second_moment

from emendo.cli.console import out, progress
from emendo.edit import DEFAULT_METHOD, Edit, Editor, python_corpus, second_moments
from emendo.edit.contexts import kept_prefixes
from emendo.errors import EditRefused
from emendo.evaluate import CaseSet, evaluate, load_cases
from emendo.facts import EditRequest
from emendo.home import default_home
from emendo.models import ORIGINAL, EditableModel, Revision, SiteDelta, WeightDelta, load_model

# What the time of an edit is spent on, by functions whose cumulative time is told; the rest is "other".
PARTS = {
    "forward": ("shards.py:read", "published.py:_forward"),
    "backward": ("__init__.py:backward",),
    "contexts, run once": ("shards.py:make_shards", "published.py:_before"),
    "what is held": ("two_layer.py:_held_beside", "hidden_unit.py:_gate"),
    "solve": ("closed_form.py:_solve", "closed_form.py:of_moment", "published.py:_solve"),
    "guard": ("compute.py:_guarded",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--method", default=DEFAULT_METHOD)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--n", type=int, default=20, help="cases that are edited one at a time, and measured")
    parser.add_argument("--batch", type=int, default=100, help="cases that are edited together")
    parser.add_argument("--layer", type=int, default=6, help="of the procedure as published")
    parser.add_argument(
        "--earlier", type=int, nargs="*", default=[0, 10, 100, 1000], help="edits before one, for the sequence"
    )
    parser.add_argument("--tokens", type=int, default=4096, help="of the second moments")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()

    from emendo.cli.method_settings import chosen_settings

    model = load_model(options.model)
    cases = load_cases(options.benchmark, n=options.n, split="report", seed=options.seed)
    many = load_cases(options.benchmark, n=options.batch, split="report", seed=options.seed)
    editor = Editor(model, method=options.method, config=chosen_settings(None, options.set), seed=options.seed)
    result: dict[str, Any] = {
        "command": "python benchmarks/speed.py " + " ".join(sys.argv[1:]),
        "date": datetime.date.today().isoformat(),
        "model_digest": model.digest,
    }
    result["settings"] = {"method": editor.method, "config": vars(editor.config)}
    home = default_home()
    moment = second_moments(model, [options.layer], python_corpus(model), home=home)[options.layer]
    prefixes = kept_prefixes(model, (5,) * 10 + (10,) * 10, options.seed, home / "prefixes")

    def publish(request: EditRequest) -> Edit:
        return published_rome(model, request, options.layer, moment, prefixes)

    result["one edit"] = one_edit(model, editor, cases, publish)
    result["batch"] = batch(model, editor, many, cases, publish)
    result["second moments"] = moments(model, editor.config.layers, options.tokens)
    result["sequence"] = sequence(editor, options.benchmark, options.earlier, options.seed)
    result["memory"] = memory(options.model, options.method, vars(editor.config), cases.cases[0].request)
    for name in ("one edit", "batch", "second moments"):
        out.print(name, json.dumps(result[name]["ratio"]))
    out.print("sequence", json.dumps(result["sequence"]))
    out.print("memory", json.dumps(result["memory"]))
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
        draw(result, options.output.with_suffix(".svg"))


def one_edit(model: EditableModel, editor: Editor, cases: CaseSet, publish: Callable[[EditRequest], Edit]) -> dict[str, Any]:
    """Both procedures in turn on each case, and the score that each reaches."""
    own: dict[str, Edit | EditRefused] = {}
    published: dict[str, Edit] = {}
    seconds: dict[str, list[float]] = {"own": [], "published": []}
    profiles = {"own": cProfile.Profile(), "published": cProfile.Profile()}
    editor.compute([[cases.cases[0].request]])
    with progress("one edit at a time") as report:
        for done, case in enumerate(cases.cases, start=1):
            request = case.request

            def compute_own(request: EditRequest = request) -> None:
                (own[request.id],) = editor.compute([[request]])

            def compute_published(request: EditRequest = request) -> None:
                published[request.id] = publish(request)

            for name, compute in (("own", compute_own), ("published", compute_published)):
                seconds[name].append(_timed(compute, profiles[name]))
            report(done, len(cases.cases))
    scores = {
        name: _figures(model, cases, [edits[case.request.id] for case in cases.cases])
        for name, edits in (("own", own), ("published", published))
    }
    ratios = [p / o for p, o in zip(seconds["published"], seconds["own"], strict=True)]
    return {
        "n": len(ratios),
        "ratio": {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)},
        **{
            name: {
                "median_seconds": statistics.median(times),
                "seconds": times,
                "breakdown": _breakdown(profiles[name]),
                "figures": scores[name],
            }
            for name, times in seconds.items()
        },
    }


def batch(
    model: EditableModel, editor: Editor, many: CaseSet, cases: CaseSet, publish: Callable[[EditRequest], Edit]
) -> dict[str, Any]:
    """Requests in one batch, each as if it were the only one and all solved together; figures on the cases edited alone.

    A batch stands beside the mean of one published edit just before it and one just after.
    """
    requests = [case.request for case in many.cases]
    made: dict[str, list[Edit | EditRefused]] = {}
    yardstick = partial(publish, requests[0])
    before = _timed(yardstick)
    separately = _timed(lambda: made.update(separately=editor.compute_separately(requests))) / len(requests)
    between = _timed(yardstick)
    together = _timed(lambda: made.update(together=editor.compute([requests]))) / len(requests)
    after = _timed(yardstick)
    separate = {request.id: edit for request, edit in zip(requests, made["separately"], strict=True)}
    edits = {
        "separately": [separate[case.request.id] for case in cases.cases],
        "together": made["together"] * len(cases.cases),
    }
    return {
        "n": len(requests),
        "seconds_an_edit": {"separately": separately, "together": together},
        "published_seconds": [before, between, after],
        "ratio": {
            "separately": statistics.mean([before, between]) / separately,
            "together": statistics.mean([between, after]) / together,
        },
        "figures": {name: _figures(model, cases, own) for name, own in edits.items()},
    }


def moments(model: EditableModel, layers: Sequence[int], tokens: int) -> dict[str, Any]:
    """One packed pass for all layers wanted, and a full pass a layer over padded documents of the same number of tokens."""
    corpus = python_corpus(model)
    # The corpus knows no documents; lengths of 64 to 512 tokens stand for articles.
    generator = torch.Generator().manual_seed(0)
    documents, at = [], 0
    while at < tokens:
        length = int(torch.randint(64, 512, (1,), generator=generator))
        documents.append(corpus.ids[at : min(at + length, tokens)])
        at += length
    documents = [document for document in documents if len(document) > 1]
    result: dict[str, Any] = {"tokens": tokens, "ratio": {}, "seconds": {}}
    for name, wanted in (("layers edited by default", list(layers)), ("all layers", list(range(model.n_layers)))):
        own = _timed(lambda wanted=wanted: second_moments(model, wanted, corpus, tokens=tokens))
        one = _timed(lambda wanted=wanted: published_second_moment(model, wanted[0], documents))
        result["seconds"][name] = {"own": own, "published, one layer": one}
        result["ratio"][name] = len(wanted) * one / own
    return result


def sequence(editor: Editor, benchmark: str, earlier: Sequence[int], seed: int, edits: int = 5) -> dict[str, Any]:
    """Seconds of an edit, and the share of them in the solve, after so many earlier ones: keys of real requests that are held,
    and changes of rank one as large as edits are, in force."""
    model, layers = editor.model, editor.config.layers
    requests = [case.request for case in load_cases(benchmark, n=max(earlier) + edits, split="all", seed=seed).cases]
    generator = torch.Generator().manual_seed(seed)
    result: dict[str, Any] = {"seconds_an_edit": {}, "share_of_solve": {}}
    for count in earlier:
        revision = ORIGINAL if not count else Revision(deltas=(_random_change(model, layers, count, generator),))
        own = Editor(
            model, method=editor.method, config=editor.config, revision=revision, earlier=requests[edits : edits + count]
        )
        own.compute([[requests[0]]])
        profile = cProfile.Profile()
        seconds = [_timed(partial(own.compute, [[request]]), profile) for request in requests[:edits]]
        result["seconds_an_edit"][count] = statistics.median(seconds)
        result["share_of_solve"][count] = _breakdown(profile)["solve"]
    return result | {"n": edits}


def _random_change(model: EditableModel, layers: Sequence[int], rank: int, generator: torch.Generator) -> WeightDelta:
    """Random changes a tenth as large as the matrices together."""
    changes = []
    for layer in layers:
        site = model.down_projection(layer)
        output, inputs = (torch.randn(size, rank, generator=generator) for size in (model.d_model, model.d_mlp))
        norm = SiteDelta(site=site, output_factor=output, input_factor=inputs).norm
        scale = 0.1 * float(model.weight(site).norm()) / norm
        changes.append(SiteDelta(site=site, output_factor=scale * output, input_factor=inputs))
    return WeightDelta(changes=tuple(changes))


def memory(model: str, method: str, config: dict[str, Any], request: EditRequest) -> dict[str, float]:
    """Gigabytes of a new process once the model is loaded, and at the peak of making one edit."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        loaded, peak, weights = pool.apply(_gigabytes, (model, method, config, request))
    return {"weights_gigabytes": weights, "loaded_gigabytes": loaded, "peak_gigabytes": peak}


def _gigabytes(name: str, method: str, config: dict[str, Any], request: EditRequest) -> tuple[float, float, float]:
    def peak() -> float:
        # Of this process alone; getrusage begins with the peak of the one that started it.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9

    model = load_model(name)
    loaded = peak()
    Editor(model, method=method, config=config).compute([[request]])
    return loaded, peak(), sum(p.numel() * p.element_size() for p in model.network.parameters()) / 1e9


def draw(result: dict[str, Any], path: Path) -> None:
    """Where the time of one edit goes, published and own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    for name, label in (("published", "as published"), ("own", result["settings"]["method"])):
        left, part = 0.0, result["one edit"][name]
        for at, (what, share) in enumerate(part["breakdown"].items()):
            width = max(share, 0.0) * part["median_seconds"]
            axes.barh(label, width, left=left, color=f"C{at}", label=what if name == "published" else None)
            left += width
    axes.invert_yaxis()
    axes.set_xlabel(f"seconds an edit (median of {result['one edit']['n']})")
    axes.legend(ncols=4, fontsize="small", frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _timed(compute: Callable[[], Any], profile: cProfile.Profile | None = None) -> float:
    started = time.perf_counter()
    if profile is None:
        compute()
    else:
        profile.runcall(compute)
    return time.perf_counter() - started


def _breakdown(profile: cProfile.Profile) -> dict[str, float]:
    """Share of the time in each of the parts."""
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    cumulative: dict[str, float] = {}
    for (file, _, function), (_, _, _, seconds, _) in stats.items():
        name = f"{Path(file).name}:{function}"
        cumulative[name] = cumulative.get(name, 0.0) + seconds
    whole = sum(own for _, _, own, _, _ in stats.values())
    shares = {part: sum(cumulative.get(name, 0.0) for name in names) / whole for part, names in PARTS.items()}
    return {**shares, "other": 1 - sum(shares.values())}


def _figures(model: EditableModel, cases: CaseSet, edits: Sequence[Edit | EditRefused]) -> dict[str, list[float]]:
    by_id = {case.request.id: edit for case, edit in zip(cases.cases, edits, strict=True)}
    report = evaluate(model, cases, compute=lambda groups: [by_id[group[0].id] for group in groups])
    return {figure.name: [figure.estimate, figure.low, figure.high] for figure in report.edited}


if __name__ == "__main__":
    main()
