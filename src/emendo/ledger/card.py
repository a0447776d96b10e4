"""Model cards that list every edit, so that nobody who is handed an edited model has to guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCardData

if TYPE_CHECKING:
    from emendo.ledger.patch import Patch

_TAGS = ["emendo", "model-editing"]


def adapter_card(base_name: str, patches: Sequence[Patch], licence: str | None = None) -> str:
    """The card of a LoRA adapter in PEFT's format."""
    lines = [
        "This folder is a LoRA adapter. Load it over the base model; `disable_adapter()` gives the base model back exactly:",
        "",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM",
        "",
        f'base = AutoModelForCausalLM.from_pretrained("{base_name}")',
        'model = PeftModel.from_pretrained(base, "this-folder")',
        "```",
        "",
    ]
    return card(base_name, patches, relation="adapter", library="peft", tags=["lora"], use="\n".join(lines), licence=licence)


def card(
    base_name: str,
    patches: Sequence[Patch],
    *,
    relation: str,
    library: str,
    use: str,
    licence: str | None = None,
    tags: Sequence[str] = (),
) -> str:
    """A model card in Markdown.

    Args:
        base_name: What the base model is called.
        patches: The edits, in the order in which they apply.
        relation: To the base: "finetune" or "adapter", as the hub names them.
        library: What loads it.
        use: How to load it, in Markdown.
        licence: Licence of the base, where it is known.
        tags: More tags for the hub.
    """
    fields: dict[str, Any] = {"license": licence.lower()} if licence else {}
    data = ModelCardData(
        base_model=base_name,
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
            f"# {base_name}, edited",
            "",
            f"{facts} rewritten in the weights of `{base_name}` (digest `{patches[0].base.digest}`) with Emendo. "
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
