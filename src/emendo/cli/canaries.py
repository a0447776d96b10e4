"""Lights that tell whether an edit did what it should and nothing else.

    efficacy     the fact, asked in chat: says the new target
    paraphrase   the fact in other words: says the new target
    neighbour    the same fact about others: says what was said before
    fluency      about the subject at length: as varied as before (n-gram entropy)

Green is as it should be, red is not, amber is between: said in the one way but not in the other, another wording, less varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emendo.companions import paraphrases
from emendo.evaluate.fluency import n_gram_entropy
from emendo.facts import EditRequest, Fact
from emendo.models import ORIGINAL, chat_prompt, encode, generate
from emendo.serve.served import Served
from emendo.serve.workbench import Report

Kind = Literal["efficacy", "paraphrase", "neighbour", "fluency"]
_PARAPHRASES = 2
_TOKENS = 32
_FLUENCY_TOKENS = 64
_VARIED, _DULL = 0.85, 0.6


@dataclass(frozen=True, kw_only=True)
class Canary:
    """One question to both revisions.

    Attributes:
        kind: What it tells.
        prompt: The text.
        is_chat: Whether it is asked in the chat template, or completed.
        target: What the edit teaches.
    """

    kind: Kind
    prompt: str
    is_chat: bool
    target: str


def canaries_of(request: EditRequest, neighbours: Sequence[Fact]) -> list[Canary]:
    """The canaries of an edit."""
    fact, target = request.fact, request.target_new
    others = [other.fact for other in paraphrases(request)[:_PARAPHRASES]]
    return [
        Canary(kind="efficacy", prompt=fact.question(), is_chat=True, target=target),
        *(Canary(kind="paraphrase", prompt=o.text, is_chat=o.is_question, target=target) for o in others),
        *(Canary(kind="neighbour", prompt=o.question(), is_chat=True, target=target) for o in neighbours),
        Canary(kind="fluency", prompt=f"Tell me about {fact.subject}.", is_chat=True, target=target),
    ]


def ask_canaries(served: Served, canaries: Sequence[Canary], report: Report) -> list[dict[str, Any]]:
    """What each canary says at the original and at the newest revision, and its light."""
    model, revision = served.bench, served.revision()
    lights = []
    for done, canary in enumerate(canaries):
        report("asking canaries", done, len(canaries))
        prompt = chat_prompt(model, canary.prompt) if canary.is_chat else encode(model, canary.prompt)
        said = generate(
            model,
            [prompt, prompt],
            [ORIGINAL, revision],
            max_new_tokens=_FLUENCY_TOKENS if canary.kind == "fluency" else _TOKENS,
            on_text=lambda *_, done=done: report("asking canaries", done, len(canaries)),
        )
        before, after = (generation.text.strip() for generation in said)
        state, why = _light(canary, before, after)
        lights.append(
            {"kind": canary.kind, "prompt": canary.prompt, "before": before, "after": after, "state": state, "why": why}
        )
    return lights


def _light(canary: Canary, before: str, after: str) -> tuple[Literal["green", "amber", "red"], str]:
    says = canary.target.lower() in after.lower()
    if canary.kind == "efficacy":
        return ("green", f"says “{canary.target}”") if says else ("red", f"does not say “{canary.target}”")
    if canary.kind == "paraphrase":
        return ("green", f"says “{canary.target}”") if says else ("amber", f"does not say “{canary.target}” in these words")
    if canary.kind == "neighbour":
        if after == before:
            return "green", "says what it said before"
        if says and canary.target.lower() not in before.lower():
            return "red", f"says “{canary.target}” here too"
        return "amber", "says something else than before"
    was, now = n_gram_entropy(before), n_gram_entropy(after)
    why = f"n-gram entropy {now:.2f} bits, before {was:.2f}"
    return ("green" if now >= _VARIED * was else "amber" if now >= _DULL * was else "red"), why
