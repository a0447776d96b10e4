"""How fast the server answers, from the file that benchmarks/serving.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from result_tables import layout
from result_tables.layout import Parts


def serving(path: Path) -> str:
    """How fast the server answers, as `benchmarks/serving.py` measured it."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rates, many, memory = found["tokens_a_second"], found["clients"], found["memory_gigabytes"]

    def row(label: str, figure: dict[str, float], digits: int) -> tuple[str, str]:
        median, least, greatest = (f"{figure[name]:.{digits}f}" for name in ("median", "least", "greatest"))
        return label, f"{median} ({least}–{greatest})"

    rows: list[tuple[Any, ...]] = [
        row("seconds to the first token, short prompt", found["first_token_seconds"], 2),
        row("tokens a second, one row", rates["one row"], 1),
        row("tokens a second of each of two rows, original and edited", rates["two rows"], 1),
        (
            "seconds to the first preview of an edit, and seconds of the processor in it",
            f"{found['preview_seconds']:.1f}, {found['preview_processor_seconds']:.1f}",
        ),
        row(f"seconds to the first token, {many['clients']} clients at once", many["first_token_seconds"], 2),
        (f"tokens a second of {many['clients']} clients together", f"{many['tokens_a_second_together']:.1f}"),
        (f"longest pause of any of {many['clients']} clients, seconds", f"{many['longest_pause_seconds']:.2f}"),
        ("memory once the model is loaded, and afterwards, GB", f"{memory['loaded']:.2f}, {memory['afterwards']:.2f}"),
    ]
    machine = found["machine"]
    told = (
        f"{found['model']}, {found['n']} questions a figure, answers of {found['tokens']} tokens at most, median and range; the "
        f"second row costs {100 * found['cost_of_the_second_row']:.0f} % a token. {machine['cores']} cores of a "
        f"{machine['processor']} that others share, {machine['threads'] or 'all'} threads"
    )
    return f"{layout.table(('', 'measured'), rows)}\n\n{layout.source(told, found['command'], found['date'])}"


def int8(path: Path) -> str:
    """What decoding in int8 would give and cost, as `benchmarks/int8_decoding.py` measured it."""
    found = json.loads(path.read_text(encoding="utf-8"))

    def median(figure: dict[str, float]) -> str:
        return f"{figure['median']:.2f} ({figure['least']:.2f}–{figure['greatest']:.2f})"

    rows: list[tuple[Any, ...]] = [
        ("tokens a second, float32", median(found["tokens_a_second"]["float32"])),
        ("tokens a second, int8", median(found["tokens_a_second"]["int8"])),
        ("times as fast, text by text", median(found["times_as_fast"])),
        (f"same likeliest token, % of {found['tokens']:,}", layout.share(found["same_token"])),
        (f"texts alike throughout, % of {found['texts']}", layout.share(found["texts_alike_throughout"])),
    ]
    machine = found["machine"]
    told = (
        f"{found['model']}, {found['times_as_fast']['n']} texts timed, median and range; shares with 95 % intervals. torch "
        f"{found['torch']}, {machine['threads']} thread, on a {machine['processor']} that others share"
    )
    return f"{layout.table(('', 'measured'), rows)}\n\n{layout.source(told, found['command'], found['date'])}"


PARTS: Parts = {
    "serving": ("serving.json", serving),
    "int8 decoding": ("int8_decoding.json", int8),
}
