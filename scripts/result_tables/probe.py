"""What a sweep of layers and settings found, from the file that `emendo probe -o` wrote."""

from __future__ import annotations

import json
from pathlib import Path

from result_tables import layout
from result_tables.layout import Parts

_SHOWN = ("score", "generation_completion", "generation_chat", "neighborhood_probability")


def probe(path: Path) -> str:
    """A row a candidate; the chosen one in bold."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for candidate in found["candidates"]:
        settings = "; ".join(
            f"{'layer' if name == 'layers' else name} {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in candidate["settings"].items()
        )
        shares = [f"{100 * candidate['figures'][name]:.0f}" for name in _SHOWN]
        cells = [*shares, f"{candidate['relative_norm']:.3f}", f"{candidate['seconds']:.1f}"]
        rows.append([f"**{settings}**" if candidate == found["best"] else settings, *cells])
    told = f"`{found['method']}` on {found['model']}, {found['n']} known facts edited one by one with each candidate, in"
    told += f" {found['seconds'] / 60:.1f} minutes on a machine of two cores"
    header = ("candidate", r"S\*", "completion, %", "chat, %", r"NS\*", "‖Δ‖/‖W‖", "s an edit")
    return "\n\n".join([layout.table(header, rows), layout.FOOTNOTE, layout.source(told, found["command"], found["date"])])


PARTS: Parts = {"probe": ("probe_hidden_unit.json", probe)}
