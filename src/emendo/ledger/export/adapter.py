"""A PEFT LoRA adapter that holds a whole revision: the factors of all its edits side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emendo.ledger.adapter_files import write_adapter
from emendo.ledger.card import adapter_card, base_licence
from emendo.ledger.durable import write_file
from emendo.ledger.export import total_changes
from emendo.ledger.patch import CARD, Patch
from emendo.models import EditableModel, auto_class


def write(model: EditableModel, patches: Sequence[Patch], folder: Path) -> None:
    """Fill an empty folder with the adapter and its card."""
    base = patches[0].base
    write_adapter(
        folder,
        total_changes(patches),
        base_name=base.name,
        base_revision=base.revision,
        transposed=base.transposed,
    )
    write_file(folder / CARD, adapter_card(patches, base_licence(model)).encode())


def usage(model: EditableModel, folder: Path) -> str:
    """The lines of Python that load what was written."""
    where, loader = model.folder or model.name, auto_class(model.network.config).__name__
    return "\n".join(
        [
            "from peft import PeftModel",
            f"from transformers import {loader}",
            f'base = {loader}.from_pretrained("{where}")',
            f'model = PeftModel.from_pretrained(base, "{folder}")',
        ]
    )
