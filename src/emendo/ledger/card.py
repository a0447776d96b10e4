"""Model cards that list every edit, so that nobody who is handed an edited model has to guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCardData

from emendo.models import EditableModel
from emendo.models.store import stored_model

if TYPE_CHECKING:
    from emendo.ledger.patch import Patch

_LICENCE = re.compile(r"\A---\n(?:.*\n)*?license: *([\w.-]+) *\n")
_TAGS = ["emendo", "model-editing"]


def base_licence(model: EditableModel) -> str | None:
    """The licence of a model, where the store or the card in its folder states one."""
    if model.folder is None:
        return None
    stored = stored_model(model.folder.parent.parent, model.folder.name)
    if stored is not None:
        return None if stored.licence == "unknown" else stored.licence
    readme = model.folder / "README.md"
    stated = _LICENCE.search(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    return stated[1] if stated else None


def adapter_card(patches: Sequence[Patch], licence: str | None = None) -> str:
    """The card of a folder in PEFT's format."""
    # Models that also see hold their language model by this name.
    sees = any(".language_model." in name for name in patches[0].base.tensors)
    loader = "AutoModelForImageTextToText" if sees else "AutoModelForCausalLM"
    lines = [
        "This folder is a LoRA adapter. Load it over the base model; `disable_adapter()` gives the base model back exactly:",
        "",
        "```python",
        "from peft import PeftModel",
        f"from transformers import {loader}",
        "",
        f'base = {loader}.from_pretrained("{patches[0].base.name}")',
        'model = PeftModel.from_pretrained(base, "this-folder")',
        "```",
        "",
    ]
    return card(patches, use="\n".join(lines), relation="adapter", library="peft", tags=["lora"], licence=licence)


def card(
    patches: Sequence[Patch],
    *,
    use: str,
    relation: str,
    library: str | None,
    tags: Sequence[str] = (),
    licence: str | None = None,
) -> str:
    """A model card in Markdown.

    Args:
        patches: The edits, in the order in which they apply.
        use: What the folder is and how to load it, in Markdown.
        relation: To the base: "finetune" or "adapter", as the hub names them.
        library: What loads it, as the hub names it.
        tags: More tags for the hub.
        licence: Licence of the base, where it is known.
    """
    base = patches[0].base
    fields: dict[str, Any] = {"license": licence.lower()} if licence else {}
    data = ModelCardData(
        base_model=base.name,
        base_model_relation=relation,
        library_name=library,
        pipeline_tag="text-generation",
        tags=[*_TAGS, *tags],
        **fields,
    )
    count = sum(len(patch.requests) for patch in patches)
    facts = "1 fact was" if count == 1 else f"{count} facts were"
    rows = [row for patch in patches for row in _rows(patch)]
    return "\n".join(
        [
            "---",
            data.to_yaml(),
            "---",
            "",
            f"# {base.name}, edited",
            "",
            f"{facts} rewritten in the weights of `{base.name}` (digest `{base.digest}`) with Emendo. "
            "`edits.json` holds every detail: configurations, statistics, and digests of the tensors before and after.",
            "",
            use,
            "## Edits",
            "",
            "| Prompt | Before | Now | Who | When | Why | Method | Layers | Figures |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "An edit makes the model say something else about its subject. What follows from it, and what the model says of "
            "neighbouring subjects, may have changed as well: measure before you rely on it.",
            "",
        ]
    )


def _rows(patch: Patch) -> list[str]:
    made = patch.provenance
    figures = ", ".join(f"{name} {value:.4g}" for name, value in sorted(made.figures.items()) if value is not None)
    shared = [made.who, made.when, made.why, made.method, ", ".join(map(str, made.layers)), figures]
    return [
        "| " + " | ".join(_cell(text) for text in (r.fact.marked, r.fact.target_true or "", r.target_new, *shared)) + " |"
        for r in patch.requests
    ]


def _cell(text: str) -> str:
    """A text that no longer means anything to Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
