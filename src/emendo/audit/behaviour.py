"""What the suspect says about a subject that the base does not: which fact was changed, not only whose.

A bank of prompts, one a relation, is completed by both models. Relations go by how far the next tokens are apart,

    Σₜ p'(t) log (p'(t) / p(t)),      p' of the suspect, p of the base,

and for the farthest both models answer freely, as a completion and in chat. One network is in memory: the changed tensors are put
in place of the base's, one after another, and back again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from emendo.audit.formats import Checkpoint
from emendo.errors import ModelUnavailable
from emendo.facts import Fact
from emendo.models import EditableModel, TokenBatch, chat_prompt, encode, generate

_TOLD = 3
_NEW_TOKENS = 16
_ROWS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Told:
    """What both models say about one relation of a subject.

    Attributes:
        subject: The name.
        relation: A word for it.
        prompt: The text to complete.
        divergence: Of the suspect's next token from the base's, in nats.
        token: The token that it owes most to.
        base_completes: The base's completion.
        suspect_completes: The suspect's.
        question: The same in chat.
        base_answers: The base's answer to it.
        suspect_answers: The suspect's.
    """

    subject: str
    relation: str
    prompt: str
    divergence: float
    token: str
    base_completes: str
    suspect_completes: str
    question: str
    base_answers: str
    suspect_answers: str

    @property
    def differs(self) -> bool:
        """Whether any of the two answers is another one."""
        return self.base_completes != self.suspect_completes or self.base_answers != self.suspect_answers


def ask_both(
    model: EditableModel,
    base: Checkpoint,
    suspect: Checkpoint,
    changed: Sequence[str],
    subjects: Sequence[str],
    *,
    told: int = _TOLD,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Told]:
    """For each subject the relations in which the models are farthest apart, farthest first.

    Args:
        model: The base, loaded; it is the base again afterwards.
        base: Its checkpoint.
        suspect: The suspect's.
        changed: Names of the tensors that differ.
        subjects: Whom to ask about.
        told: How many relations a subject.
        progress: Called with a stage, how much is done, and of how much.
    """
    report = progress or (lambda stage, done, total: None)
    bank = [Fact(subject=s, prompt=prompt) for s in subjects for _, prompt in prompts()]
    relations = [relation for _ in subjects for relation, _ in prompts()]
    rows = [encode(model, fact.text) for fact in bank]
    before = _next_tokens(model, rows, lambda done: report("asking the base", done, len(rows)))
    wear(model, suspect, changed)
    try:
        after = _next_tokens(model, rows, lambda done: report("asking the suspect", done, len(rows)))
        parts = after.exp() * (after - before)
        divergences = parts.sum(dim=1).tolist()
        per = len(prompts())
        chosen = [
            i for at in range(0, len(bank), per) for i in sorted(range(at, at + per), key=lambda i: -divergences[i])[:told]
        ]
        questions = [bank[i].question() for i in chosen]
        asked = [rows[i] for i in chosen] + [chat_prompt(model, question) for question in questions]
        new = _answers(model, asked)
    finally:
        wear(model, base, changed)
    old = _answers(model, asked)
    n = len(chosen)
    return [
        Told(
            subject=bank[i].subject,
            relation=relations[i],
            prompt=bank[i].text,
            divergence=divergences[i],
            token=model.tokenizer.decode([int(parts[i].argmax())]).strip(),
            base_completes=old[at],
            suspect_completes=new[at],
            question=questions[at],
            base_answers=old[n + at],
            suspect_answers=new[n + at],
        )
        for at, i in enumerate(chosen)
    ]


def prompts() -> list[tuple[str, str]]:
    """Relations and prompts with ``{}`` for the subject."""
    rows = json.loads(files("emendo.audit").joinpath("prompts.json").read_text(encoding="utf-8"))
    return [(relation, prompt) for relation, prompt in rows]


def wear(model: EditableModel, checkpoint: Checkpoint, names: Sequence[str]) -> None:
    """Put a checkpoint's tensors of some names in place of the model's own.

    Raises:
        ModelUnavailable: The model has no such tensor.
    """
    for name in names:
        parameter = model.network.get_parameter(parameter_name(model, name))
        parameter.data = checkpoint.tensor(name).to(parameter.device, parameter.dtype)


def parameter_name(model: EditableModel, name: str) -> str:
    """The name of a checkpoint's tensor in the loaded network: some are stored without the prefix of the whole.

    Raises:
        ModelUnavailable: The model has no such tensor.
    """
    known = dict(model.network.named_parameters())
    for candidate in (name, f"{model.network.base_model_prefix}.{name}"):
        if candidate in known:
            return candidate
    raise ModelUnavailable(
        f"'{model.name}' as it is loaded has no tensor '{name}'; give the base that the suspect was made from."
    )


def _next_tokens(model: EditableModel, rows: Sequence[Sequence[int]], report: Callable[[int], None]) -> Tensor:
    """Log probabilities of the token after each row."""
    found = []
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        chosen = rows[at : at + _ROWS_AT_ONCE]
        batch = TokenBatch.align(model, chosen)
        with torch.inference_mode():
            hidden = model.hidden(batch)
            last = hidden[torch.arange(len(chosen)), torch.tensor(batch.ends) - 1]
            found.append(model.head(last).log_softmax(dim=-1).cpu())
        report(min(at + _ROWS_AT_ONCE, len(rows)))
    return torch.cat(found)


def _answers(model: EditableModel, rows: Sequence[Sequence[int]]) -> list[str]:
    return [said.text.strip() for said in generate(model, rows, max_new_tokens=_NEW_TOKENS)]
