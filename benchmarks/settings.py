"""Choose the edited layer and the corpus of the second moment by measuring.

Every setting edits the same cases of the "tune" half of a benchmark; figures are reported on the other half. Resumable: finished
cases are kept in the work folder.

    python benchmarks/settings.py counterfact --n 20 --layers 4,6,9,12,15 --work settings-work -o settings.json
    python benchmarks/settings.py counterfact --n 20 --layers 9 --corpora sampled,python,wiki.valid.txt -o corpora.json
    python benchmarks/settings.py counterfact --n 20 --layers 6 --set peers=32 --set slack=0.2 -o peers.json
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from emendo.cli.console import out, progress_of_stages
from emendo.edit import METHODS
from emendo.evaluate import Report, evaluate, load_cases
from emendo.models import load_model

MEASURES = (
    "score",
    "efficacy_probability",
    "paraphrase_probability",
    "neighborhood_probability",
    "generation_completion",
    "generation_chat",
    "stop_chat",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--method", default="rome")
    parser.add_argument("--layers", required=True, help="comma-separated")
    parser.add_argument("--corpora", default="python", help="comma-separated: sampled, python, files")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another setting, such as peers=32")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()

    model = load_model(options.model)
    cases = load_cases(options.benchmark, n=options.n, split="tune", seed=options.seed)
    chosen = (pair.split("=", 1) for pair in options.set)
    config = METHODS.get(options.method).Config(**{name: json.loads(value) for name, value in chosen})
    rows = []
    for layer in map(int, options.layers.split(",")):
        for corpus in options.corpora.split(","):
            with progress_of_stages() as progress:
                report = evaluate(
                    model,
                    cases,
                    method=options.method,
                    config=replace(config, layers=(layer,)),
                    corpus=corpus,
                    seed=options.seed,
                    work=options.work,
                    progress=progress,
                )
            row = _row(report, layer, Path(corpus).name)
            rows.append(row)
            out.print("  ".join(f"{name} {value}" for name, value in row["line"].items()))
    if options.output is not None:
        result = {
            "command": "python benchmarks/settings.py " + " ".join(sys.argv[1:]),
            "model_digest": model.digest,
            "data_digest": cases.digest,
            "rows": [{name: value for name, value in row.items() if name != "line"} for row in rows],
        }
        options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _row(report: Report, layer: int, corpus: str) -> dict[str, object]:
    figures = {figure.name: figure for figure in report.edited}
    shown = {name: f"{figures[name].estimate:.3f}" for name in MEASURES if name in figures}
    return {
        "layer": layer,
        "corpus": corpus,
        "n": report.n,
        "refused": report.refused,
        "seconds_editing": round(report.seconds_editing, 1),
        "edit_medians": report.edit_medians,
        "edited": {f.name: [f.estimate, f.low, f.high] for f in report.edited},
        "line": {"layer": layer, "corpus": corpus, **shown, "seconds": f"{report.seconds_editing:.0f}"},
    }


if __name__ == "__main__":
    main()
