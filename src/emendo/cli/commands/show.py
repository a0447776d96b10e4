"""`emendo show`: everything that is recorded about one entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import DEFAULT_MODEL, JsonOption, LedgerOption, ModelOption

if TYPE_CHECKING:
    from emendo.ledger import Entry, Ledger, Patch, State

_FORMULAS = {
    "relative_norm": "‖Δ‖ / ‖W‖ (Frobenius), the largest over the changed matrices",
    "relative_value_change": "‖δ‖ / ‖v‖: how far the value was moved",
    "perplexity_ratio": "perplexity of unrelated text, edited / unedited",
    "perplexity_ratio_of_all": "the same with all edits before it, edited / original",
    "worst_probability": "probability of the least likely target token when the search ended",
    "divergence": "mean KL(before ‖ after) on the contexts to preserve, in nats",
    "steps": "steps of the search for the value",
    "seconds": "time that the edit took",
}


def command(
    number: Annotated[int, typer.Argument(help="The entry's number, as `emendo log` lists it.", metavar="N")],
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Show an entry: requests, method and configuration, figures with their formulas, statistics, digests, files.

    The model itself is not loaded. The files of the patch are checked against the digests that the entry recorded.

    \b
    Example:
      emendo show 1
      emendo show 1 --json
    """
    from emendo.cli.history import as_json
    from emendo.cli.session import open_ledger

    history = open_ledger(model, ledger)
    entry, newest = history.entry(number), history.at()
    patch = history.patch(entry) if entry.kind == "edit" else None
    if json:
        described = as_json(entry, newest)
        if patch is not None:
            described |= {"edits": patch.describe(), "files": _files(history, entry)}
        console.print_json(described)
        return
    _print_head(entry, newest)
    if patch is not None:
        _print_edit(history, entry, patch)


def _print_head(entry: Entry, newest: State) -> None:
    from emendo.cli.history import standing

    _print_pairs(
        {
            "Entry": f"{entry.number} ({standing(entry, newest)})",
            "When": entry.when,
            "Who": entry.who,
            "Why": entry.why or "not said",
            "Revision after it": entry.revision,
        }
        | ({"Takes back": ", ".join(map(str, entry.reverts))} if entry.reverts else {})
    )


def _print_edit(history: Ledger, entry: Entry, patch: Patch) -> None:
    made = patch.provenance
    _print_pairs(
        {
            "Base": f"{patch.base.name}, digest {patch.base.digest}",
            "Computed at": f"revision {patch.parent}",
            "Method": f"{made.method}, seed {made.seed}, layers {', '.join(map(str, made.layers))}",
            "Delta": f"{patch.id}, SHA-256 {patch.delta.digest}",
            "Versions": _inline(made.versions),
        }
    )
    requests = Table("Request", "Before", "Now", "Source", title="Requests", title_justify="left", box=box.SIMPLE_HEAD)
    for request in patch.requests:
        fact = request.fact
        requests.add_row(*map(Text, (fact.marked, fact.target_true or "", request.target_new, request.source or "")))
    console.out.print(requests)
    sites = Table(title="Changed", title_justify="left", box=box.SIMPLE_HEAD)
    sites.add_column("Matrix", overflow="fold")
    for column in ("Shape", "Rank", "‖Δ‖", "SHA-256 before"):
        sites.add_column(column, no_wrap=True)
    for change in patch.delta.changes:
        before = patch.base.tensors[f"{change.site}.weight"]
        shape = " × ".join(map(str, before.shape))
        digest, norm = before.sha256[:12] + "…", f"{change.norm:.4g}"
        sites.add_row(change.site, f"{shape} {before.dtype}", str(change.rank), norm, digest)
    console.out.print(sites)
    if made.figures:
        figures = Table("Figure", "Value", "What it is", title="Figures", title_justify="left", box=box.SIMPLE_HEAD)
        for name, value in sorted(made.figures.items()):
            figures.add_row(Text(name), "not measured" if value is None else f"{value:.6g}", _FORMULAS.get(name, ""))
        console.out.print(figures)
    for title, values in (("Configuration", made.config), ("Statistics", made.statistics)):
        if values:
            console.out.print(Text(title, style="italic"))
            _print_pairs({f"  {name}": _inline(value) for name, value in sorted(values.items())})
    console.out.print(Text("Files", style="italic"))
    for file in _files(history, entry):
        console.out.print(Text(f"  {file['path']}  {file['bytes']} bytes"), soft_wrap=True)


def _print_pairs(pairs: dict[str, str]) -> None:
    width = max(map(len, pairs)) + 2
    for name, value in pairs.items():
        console.out.print(Text(f"{name:<{width}}{value}"), soft_wrap=True)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(inner)}" for key, inner in sorted(value.items()))
    return "; ".join(map(_inline, value)) if isinstance(value, list | tuple) else str(value)


def _files(history: Ledger, entry: Entry) -> list[dict[str, Any]]:
    assert entry.patch is not None
    folder = history.patch_folder(entry.patch)
    return [{"path": str(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())]
