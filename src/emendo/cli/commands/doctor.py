"""`emendo doctor`: what Emendo found in a model, and whether its short cuts are exact there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import DEFAULT_MODEL, JsonOption

if TYPE_CHECKING:
    from emendo.models import EditableModel, Equality

_BYTES_PER_FLOAT64 = 8


def command(
    model: Annotated[str, typer.Argument(help="Embedded model, folder, .gguf file or hub id.")] = DEFAULT_MODEL,
    json: JsonOption = False,
) -> None:
    """Name the parts of a model, the memory it needs, and check that resumed and cached passes equal the full one.

    Ends with code 1 where a check does not hold: edits then take the slow way, and answers may differ from the full pass.

    \b
    Example:
      emendo doctor
      emendo doctor ./my-model --json
    """
    from emendo.models import check_equality, load_model

    loaded = load_model(model)
    equality = check_equality(loaded)
    report = _report(loaded, equality)
    if json:
        console.print_json(report)
    else:
        _print(report)
    if not (equality.resumed_holds and equality.cached_holds):
        raise typer.Exit(1)


def _report(model: EditableModel, equality: Equality) -> dict[str, Any]:
    architecture, network = model.architecture, model.network
    parameters = list(network.parameters())
    return {
        "model": model.name,
        "model_type": network.config.model_type,
        "digest": model.digest,
        "tokenizer_digest": model.tokenizer_digest,
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "layers": model.n_layers,
        "d_model": model.d_model,
        "d_mlp": model.d_mlp,
        "vocabulary": model.embedding.num_embeddings,
        "context": model.context_length,
        "parts": {
            "blocks": _part(model, f"{architecture.blocks}.0"),
            "attention": _part(model, f"{architecture.blocks}.0.{architecture.attention}"),
            "mlp": _part(model, f"{architecture.blocks}.0.{architecture.mlp}"),
            "down_projection": _part(model, model.down_projection(0)),
            "final_norm": _part(model, architecture.final_norm),
            "output_projection": _part(model, architecture.output_projection),
        },
        "down_projection_stored_transposed": architecture.transposed,
        "head_tied_to_embedding": network.get_output_embeddings().weight is model.embedding.weight,
        "chat_template": model.tokenizer.chat_template is not None,
        "stop_tokens": [model.tokenizer.decode([token]) for token in sorted(model.stop_ids)],
        "memory": {
            "weights_bytes": sum(parameter.numel() * parameter.element_size() for parameter in parameters),
            # The second moment, its sum while it is gathered, and its Cholesky factor.
            "edit_bytes_per_layer": 3 * _BYTES_PER_FLOAT64 * model.d_mlp**2,
        },
        "equality": {
            "resumed_difference": equality.resumed,
            "resumed_holds": equality.resumed_holds,
            "packed_difference": equality.packed if math.isfinite(equality.packed) else None,
            "packed_holds": equality.packed_holds,
            "cached_difference": equality.cached,
            "cached_holds": equality.cached_holds,
            "tolerance": equality.tolerance,
        },
    }


def _part(model: EditableModel, path: str | None) -> str | None:
    """Path and class of a part; None where the model has none."""
    module = None if path is None else dict(model.network.named_modules()).get(path)
    return None if module is None else f"{path} ({type(module).__name__})"


def _print(report: dict[str, Any]) -> None:
    memory, equality = report["memory"], report["equality"]
    shape = f"{report['layers']} layers, d_model {report['d_model']}, d_mlp {report['d_mlp']}"
    rows = {
        "Model": f"{report['model']} ({report['model_type']}, {shape})",
        "Runs in": f"{report['dtype']} on {report['device']}",
        "Text": f"{report['vocabulary']} tokens known, context of {report['context']}, "
        f"{'a' if report['chat_template'] else 'no'} chat template, answers end at {', '.join(report['stop_tokens'])}",
        "Digest": report["digest"],
        "Tokenizer": report["tokenizer_digest"],
        **{
            name.replace("_", " ").capitalize().replace("Mlp", "MLP"): part or "none"
            for name, part in report["parts"].items()
        },
        "Head": "tied to the embedding" if report["head_tied_to_embedding"] else "its own matrix",
        "Memory": f"{memory['weights_bytes'] / 1e9:.2f} GB of weights, and up to "
        f"{memory['edit_bytes_per_layer'] / 1e9:.2f} GB for the statistics of each layer that is edited",
    }
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(value))
    checks = {
        "Resumed pass = full pass": "resumed",
        "Pass without padding = full pass": "packed",
        "Cached decoding = full pass": "cached",
    }
    for name, key in checks.items():
        holds, difference = equality[f"{key}_holds"], equality[f"{key}_difference"]
        if difference is None:
            table.add_row(Text(name, style="bold"), "not taken: its attention cannot be stepped into")
            continue
        verdict = Text("holds" if holds else "does not hold", style="green" if holds else "red")
        figures = f", largest relative difference {difference:.1e}, allowed {equality['tolerance']:.1e}"
        table.add_row(Text(name, style="bold"), verdict.append(figures, style="default"))
    console.out.print(table)
