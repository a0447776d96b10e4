"""How often the subject of a prompt is found: by rule, by trace, by both in turn, and as the longest noun phrase.

Three data sets say what their prompts are about. A prompt belongs to the half "report" if the SHA-256 of its text is odd; the
rules and the settings of the trace were chosen on the other half. Every prompt is read as it is written and in lower case, as
people type.

    python benchmarks/subjects.py --n 300 -o docs/results/subjects.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from emendo.evaluate.data import find_data
from emendo.evaluate.intervals import wilson
from emendo.facts import Fact, read_facts
from emendo.locate import subject as finder
from emendo.models import EditableModel, load_model

FILES = ("counterfact/counterfact-flat.json", "known_facts/known-900.json", "zsre/zsre-1000.json")
Find = Callable[[str], "str | None"]


def half(fact: Fact) -> str:
    """The half that a fact belongs to, by its text."""
    return "report" if hashlib.sha256(fact.text.encode()).digest()[-1] % 2 else "tune"


def longest(text: str) -> str | None:
    """The noun phrase of most characters: what a trace has to do better than."""
    return max((text[start:end] for start, end in finder.candidate_spans(text)), key=len, default=None)


def finders(model: EditableModel) -> dict[str, Find]:
    """What is measured, by name."""

    def trace(text: str) -> str | None:
        return finder.subject_by_trace(model, text)

    return {
        "rule": finder.subject_by_rule,
        "trace": trace,
        "rule, then trace": lambda text: finder.subject_by_rule(text) or trace(text),
        "longest noun phrase": longest,
    }


def measure(find: Find, cases: list[tuple[str, str]]) -> dict[str, object]:
    """Shares of (text, subject) with their intervals: found exactly, found with the right end, and nothing found."""
    started = time.perf_counter()
    found = [find(text) for text, _ in cases]
    seconds = time.perf_counter() - started
    exact = sum(said == subject for said, (_, subject) in zip(found, cases, strict=True))
    # ROME edits at the subject's last token, so that a wrong beginning does little harm.
    ends = sum(
        said is not None and said.endswith(subject.split()[-1]) for said, (_, subject) in zip(found, cases, strict=True)
    )
    shares = {"exact": exact, "same last word": ends, "nothing": found.count(None)}
    intervals = {name: wilson(count, len(cases)) for name, count in shares.items()}
    return {name: [i.estimate, i.low, i.high] for name, i in intervals.items()} | {
        "n": len(cases),
        "milliseconds": round(1000 * seconds / len(cases), 2),
        "missed": [[text, subject, said] for said, (text, subject) in zip(found, cases, strict=True) if said != subject][
            :20
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300, help="prompts of each data set")
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/subjects.json"))
    options = parser.parse_args()

    model = load_model(options.model)
    rows = []
    digests = {}
    for file in FILES:
        path = find_data(file, None)
        digests[file] = hashlib.sha256(path.read_bytes()).hexdigest()
        facts = [fact for fact in read_facts(path) if half(fact) == options.half]
        drawn = random.Random(options.seed).sample(facts, min(options.n, len(facts)))  # noqa: S311
        for case in ("as written", "lower case"):
            pairs = [(fact.text, fact.subject) for fact in drawn]
            if case == "lower case":
                pairs = [(text.lower(), subject.lower()) for text, subject in pairs]
            for name, find in finders(model).items():
                row = {"data": Path(file).parent.name, "case": case, "finder": name} | measure(find, pairs)
                rows.append(row)
                share, low, high = row["exact"]
                print(
                    f"{row['data']:12} {case:11} {name:20} {share:.3f} [{low:.3f}, {high:.3f}]  {row['milliseconds']} ms",
                    flush=True,
                )
    result = {
        "command": "python benchmarks/subjects.py " + " ".join(sys.argv[1:]),
        "half": options.half,
        "model_digest": model.digest,
        "data_digests": digests,
        "rows": rows,
    }
    options.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
