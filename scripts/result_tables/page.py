"""How the page feels, from the file that benchmarks/page.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from result_tables import layout
from result_tables.layout import Parts


def page(path: Path) -> str:
    """Time, size and frames of the page, beside an empty one."""
    found = json.loads(path.read_text(encoding="utf-8"))
    tokens, layers = found["heat_map"]

    def figure(value: dict[str, float], digits: int) -> str:
        median, least, greatest = (f"{value[name]:.{digits}f}" for name in ("median", "least", "greatest"))
        return f"{median} ({least}–{greatest})"

    def frames(label: str, value: dict[str, Any]) -> tuple[str, ...]:
        kinds = ("median_milliseconds", "p95_milliseconds", "processor_milliseconds")
        long = f"{value['long_tasks']}, {value['longest_task_milliseconds']:.0f} ms"
        return (label, *(figure(value[kind], 1) for kind in kinds), long if value["long_tasks"] else "0")

    sizes = [
        ("seconds until one can write, nothing cached", figure(found["interactive_seconds"], 2)),
        ("seconds until a document of one line is there", figure(found["empty_document_seconds"], 2)),
        ("all files, gzipped, KB", f"{found['gzipped_bytes'] / 1000:.0f}"),
        ("requests to elsewhere", found["requests_elsewhere"]),
    ]
    timed = [
        frames(f"a conversation of {found['messages']} messages, scrolled by 200 pixels a frame", found["scrolling"]),
        frames("the same, dragged from end to end in a second", found["dragging"]),
        frames(f"the mouse over a heat map of {tokens} tokens × {layers} layers", found["hovering"]),
        frames("an empty page, scrolled", found["empty_page"]),
    ]
    header = ("milliseconds a frame", "median", "95th percentile", "of the processor", "tasks over 50 ms, longest")
    machine = found["machine"]
    told = (
        f"Chromium {found['chromium']} without a GPU, {found['n']} repeats a figure of {found['frames_a_repeat']} frames, median "
        f"and range. {machine['cores']} cores of a {machine['processor']} that others share, with a load of {machine['load']:.0f} "
        "when it ended"
    )
    tables = f"{layout.table(('', 'measured'), sizes)}\n\n{layout.table(header, timed)}"
    return f"{tables}\n\n{layout.source(told, found['command'], found['date'])}"


PARTS: Parts = {
    "page": ("page.json", page),
}
