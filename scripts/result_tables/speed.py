"""How fast edits are made, from the files that benchmarks/speed.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from result_tables import layout
from result_tables.layout import Parts


def speed(path: Path) -> str:
    """The table of ratios from a file that benchmarks/speed.py wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    if one := found.get("one edit"):
        times = one["ratio"]
        spread = f"{times['median']:.1f} (median; {times['least']:.1f}–{times['greatest']:.1f})"
        scores = f"{_score(one['own'])}, published {_score(one['published'])}"
        own, published = (one[side]["median_seconds"] for side in ("own", "published"))
        rows.append(("one edit", spread, *_seconds(own, published), one["n"], scores))
    if batch := found.get("batch"):
        for how, words in (("separately", "a batch, each as if it were alone"), ("together", "a batch, solved together")):
            times, own = batch["ratio"][how], batch["seconds_an_edit"][how]
            score = _score({"figures": batch["figures"][how]}) if "figures" in batch else "–"
            rows.append((f"{words}, an edit", f"{times:.1f}", *_seconds(own, times * own), batch["n"], score))
    if moments := found.get("second moments"):
        for layers, times in moments["ratio"].items():
            own = moments["seconds"][layers]["own"]
            tokens = f"{moments['tokens']:,} tokens"
            rows.append((f"second moments, {layers}", f"{times:.1f}", *_seconds(own, times * own), tokens, "–"))
    header = ("what", "times as fast as published", "Emendo, s", "as published, s", "n", r"S\*")
    told = f"`{found['settings']['method']}` and the procedure as published in one process on the same model and cases"
    parts = [
        layout.table(header, rows),
        *_sequence_and_memory(found),
        layout.source(told, found["command"], found.get("date", "")),
    ]
    return "\n\n".join(parts)


def _score(side: dict[str, Any]) -> str:
    estimate, low, high = (100 * value for value in side["figures"]["score"])
    return f"{estimate:.1f} ({low:.1f}–{high:.1f})"


def _sequence_and_memory(found: dict[str, Any]) -> list[str]:
    sentences = []
    if sequence := found.get("sequence"):
        earlier = list(sequence["seconds_an_edit"])
        after = ", ".join(f"{int(count):,}" for count in earlier)
        seconds = ", ".join(f"{sequence['seconds_an_edit'][count]:.2f}" for count in earlier)
        shares = ", ".join(f"{100 * sequence['share_of_solve'][count]:.1f}" for count in earlier)
        sentences.append(
            f"After {after} earlier edits an edit takes {seconds} s (median of {sequence['n']}), and {shares} % of it is the solve."
        )
    if memory := found.get("memory"):
        more = memory["peak_gigabytes"] - memory["loaded_gigabytes"]
        sentences.append(
            f"A process that makes one edit needs {memory['peak_gigabytes']:.2f} GB at its peak, {more:.2f} GB more than with the "
            f"model loaded, whose weights are {memory['weights_gigabytes']:.2f} GB."
        )
    return sentences


def _seconds(own: float, published: float) -> tuple[str, str]:
    return f"{own:.3g}", f"{published:.3g}"


PARTS: Parts = {
    "speed": ("speed.json", speed),
    "speed of rome": ("speed_rome.json", speed),
}
