"""Edits, traces and canaries for the page: what `emendo serve` passes to `emendo.serve`.

A preview computes an edit on top of what is in force and asks the model at several strengths of it, from 0 to 1.5, all in one
batch; the edit is recorded only when it is committed, with the strength that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from emendo.cli.canaries import ask_canaries, canaries_of
from emendo.cli.limits import limits
from emendo.cli.options import DEFAULT_METHOD
from emendo.edit import Edit, Editor
from emendo.edit.guard import relative_norm
from emendo.edit.peers import Peers
from emendo.edit.strength import at_strength
from emendo.errors import EditRefused, InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.ledger import Entry, Patch, Provenance
from emendo.ledger.provenance import now
from emendo.locate import Kind, trace_fact
from emendo.locate.subject import candidate_spans, subject_by_rule
from emendo.models import (
    EditableModel,
    Revision,
    TokenBatch,
    at_revisions,
    chat_prompt,
    encode,
    generate,
    target_ids,
)
from emendo.serve.edit_shapes import NewCanaries, NewPreview, NewTrace, Suggestion, WrongWords
from emendo.serve.served import Served
from emendo.serve.workbench import Report, Tell

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
NEIGHBOURS = 4
ANSWER_TOKENS = 24
_MOST_CANARIES = 3
_KINDS: tuple[Kind, ...] = ("states", "mlp", "attention")


@dataclass(frozen=True, kw_only=True, eq=False)
class ComputedEdit:
    """An edit that is not recorded yet (see `emendo.serve.workbench.Preview`).

    Attributes:
        served: The model.
        edit: What was computed.
        on_top_of: The revision that it was computed at.
        result: What the page shows of it.
    """

    served: Served
    edit: Edit
    on_top_of: Revision
    result: Mapping[str, Any]

    @property
    def revision(self) -> str:
        return self.on_top_of.id

    def commit(self, strength: float, who: str, why: str) -> Entry:
        """Record the edit as strong as it shall be, and put it in force."""
        model, account = self.served.model, self.edit.account()
        delta = at_strength(model, self.edit.delta, strength)
        figures = {**account["figures"], "strength": strength, "relative_norm": relative_norm(model, delta.changes)}
        provenance = Provenance(**{**account, "figures": figures}, who=who, why=why)
        patch = Patch.make(model, delta, self.edit.requests, provenance, parent=self.on_top_of)
        return self.served.ledger.commit(patch)


class Workbench:
    """See `emendo.serve.Workbench`."""

    def __init__(self) -> None:
        self._listed: dict[Served, dict[int, Any]] = {}
        self._report: Report = lambda stage, done, total: None
        self._editor: tuple[tuple[Any, ...], Editor] | None = None

    def preview(self, served: Served, wanted: NewPreview, report: Report, tell: Tell) -> ComputedEdit:
        """An edit on top of what is in force, and what it would do."""
        model, revision = served.bench, served.revision()
        fact = Fact(subject=wanted.subject, prompt=wanted.prompt, target_true=wanted.target_true)
        request = EditRequest(fact=fact, target_new=wanted.target_new)
        editor = self._editor_at(served, wanted, revision, report)
        try:
            (edit,) = editor.compute([[request]])
        except BaseException:
            # It was cancelled, or broke, halfway.
            self._editor = None
            raise
        if isinstance(edit, EditRefused):
            raise edit
        if not edit.delta.changes:
            raise InvalidRequest(f"The model says '{request.target_new}' already; there is nothing to edit.")
        strengths = [
            revision.plus(at_strength(model, edit.delta, strength)) if strength else revision for strength in STRENGTHS
        ]
        curves = self._curves(served, request, strengths, report)
        after = strengths[STRENGTHS.index(1.0)]
        prompts = [encode(model, fact.text), chat_prompt(model, fact.question())]
        completion, chat = _say(model, prompts, [after, after], report, "asking the edited model")
        result = {
            "delta_figures": {
                "method": edit.method,
                "layers": list(edit.layers),
                "relative_norm": edit.figures["relative_norm"],
                "seconds": edit.figures["seconds"],
                "limits": limits(model, edit),
            },
            "strengths": list(STRENGTHS),
            "curves": curves,
            "says": {"completion": completion, "chat": chat},
        }
        return ComputedEdit(served=served, edit=edit, on_top_of=revision, result=result)

    def trace(self, served: Served, wanted: NewTrace, report: Report, tell: Tell) -> Mapping[str, Any]:
        """Where a fact lies; first by two noise samples, then by ten."""
        model, fact = served.bench, Fact(subject=wanted.subject, prompt=wanted.prompt)
        with at_revisions(model, [served.revision()]):
            for stage, samples in (("tracing coarsely", 2), ("tracing", 10)):

                def progress(done: int, total: int, stage: str = stage) -> None:
                    report(stage, done, total)

                found = trace_fact(
                    model,
                    fact,
                    kinds=_KINDS,
                    noise_samples=samples,
                    progress=progress,
                )
                result = {
                    "tokens": list(found.tokens),
                    "subject_range": [found.subject_first, found.subject_last],
                    "target": found.target,
                    "probability_clean": found.probability_clean,
                    "probability_corrupted": found.probability_corrupted,
                    "n_layers": model.n_layers,
                    "noise_samples": samples,
                    "window": found.window,
                    "kinds": {
                        kind: {
                            "effects": effect.indirect_effect.round(6).tolist(),
                            "standard_errors": effect.standard_error.round(6).tolist(),
                        }
                        for kind, effect in found.effects.items()
                    },
                    "peak": {kind: list(effect.peak) for kind, effect in found.effects.items()},
                }
                tell(result)
        return result

    def canaries(self, served: Served, wanted: NewCanaries, report: Report, tell: Tell) -> Mapping[str, Any]:
        """Whether what should have changed has, and nothing else did."""
        in_force = [request for entry in served.state().in_force for request in entry.requests]
        if wanted.subject is None or wanted.prompt is None:
            requests = in_force[-_MOST_CANARIES:]
        else:
            target = wanted.target_new or next(
                (r.target_new for r in reversed(in_force) if r.fact.subject == wanted.subject), None
            )
            if target is None:
                raise InvalidRequest(f"No edit of '{wanted.subject}' is in force; say with 'target_new' what is expected.")
            requests = [EditRequest(fact=Fact(subject=wanted.subject, prompt=wanted.prompt), target_new=target)]
        checks = [check for request in requests for check in canaries_of(request, self._neighbours(served, request.fact))]
        return {"canaries": ask_canaries(served, checks, report)}

    def suggest(self, served: Served, wrong: WrongWords) -> Suggestion:
        """What to edit where some words of an answer are wrong: the fact that the question asks for."""
        question = wrong.question.strip()
        subject = subject_by_rule(question)
        candidates = [question[start:end] for start, end in candidate_spans(question)]
        if subject is None:
            if not candidates:
                raise InvalidRequest(f"No subject was found in '{question}'; mark the words that it is about.")
            subject = candidates[0]
        fact = Fact.around(question, subject)
        statement = fact.statement() or fact
        return Suggestion(
            subject=subject,
            prompt=statement.prompt,
            target_old=wrong.answer_text[wrong.wrong.start : wrong.wrong.end].strip(),
            candidates=list(dict.fromkeys([subject, *candidates])),
        )

    def restore(self, served: Served, entry: int, who: str, why: str) -> Entry:
        """Record the patch of an edit that was taken back anew."""
        patch = served.ledger.patch(served.ledger.entry(entry))
        provenance = replace(patch.provenance, who=who, why=why, when=now())
        return served.ledger.commit(replace(patch, provenance=provenance))

    def _editor_at(self, served: Served, wanted: NewPreview, revision: Revision, report: Report) -> Editor:
        """What computes edits at a revision; the last one goes on, since what it has read serves other targets too."""
        self._report = report
        key = (served, revision.id, wanted.method, wanted.layer)
        if self._editor is None or self._editor[0] != key:
            in_force = served.state(revision.id).in_force
            editor = Editor(
                served.bench,
                method=wanted.method or DEFAULT_METHOD,
                config=None if wanted.layer is None else {"layers": (wanted.layer,)},
                revision=revision,
                earlier=[request for entry in in_force for request in entry.requests],
                progress=lambda stage, done, total: self._report(stage, done, total),
            )
            self._editor = (key, editor)
        return self._editor[1]

    def _neighbours(self, served: Served, fact: Fact) -> list[Fact]:
        """The fact about other subjects, those whose names are most like its subject's to the model."""
        layers = (served.model.n_layers // 3,)
        listed = self._listed.setdefault(served, {})
        peers = Peers(model=served.bench, layers=layers, formats=("completion",), count=NEIGHBOURS, listed=listed)
        return peers.nearest(fact)

    def _curves(self, served: Served, request: EditRequest, strengths: Sequence[Revision], report: Report) -> dict[str, Any]:
        """p(new), p(old) and p of what is said of neighbours, at each strength."""
        model, fact = served.bench, request.fact
        neighbours = self._neighbours(served, fact)
        before = strengths[0]
        said = _say(
            model,
            [_asked(model, other) for other in (fact, *neighbours)],
            [before] * (1 + len(neighbours)),
            report,
            "asking the neighbours",
            most=6,
        )
        old = fact.target_true or said[0]
        rows = [_row(model, fact, request.target_new), _row(model, fact, old)]
        rows += [_row(model, other, answer) for other, answer in zip(neighbours, said[1:], strict=True)]
        report("trying strengths", 0, 1)
        by_row = _probabilities(model, rows, strengths)
        return {
            "p_new": by_row[0],
            "p_old": by_row[1],
            "old": old,
            "neighbours": [
                {"prompt": other.text, "answer_before": answer, "p": values}
                for other, answer, values in zip(neighbours, said[1:], by_row[2:], strict=True)
            ],
        }


def _asked(model: EditableModel, fact: Fact) -> list[int]:
    """The tokens after which a fact's target follows: its prompt, or the question put in chat."""
    return chat_prompt(model, fact.text) if fact.is_question else encode(model, fact.text)


def _row(model: EditableModel, fact: Fact, target: str) -> tuple[list[int], int]:
    """Those tokens, and the first of the target."""
    if fact.is_question:
        ids: list[int] = model.tokenizer(target, add_special_tokens=False)["input_ids"]
    else:
        ids = target_ids(model, target)
    return _asked(model, fact), ids[0] if ids else 0


def _probabilities(
    model: EditableModel, rows: Sequence[tuple[list[int], int]], revisions: Sequence[Revision]
) -> list[list[float]]:
    """For each row, the probability of its token after its prompt at each revision; all in one batch."""
    prompts = [ids for ids, _ in rows for _ in revisions]
    batch = TokenBatch.align(model, prompts, [len(ids) for ids in prompts])
    with torch.inference_mode(), at_revisions(model, [revision for _ in rows for revision in revisions]):
        probabilities = model.head(model.hidden(batch)[:, -1]).softmax(dim=-1).view(len(rows), len(revisions), -1)
    return [probabilities[at, :, token].tolist() for at, (_, token) in enumerate(rows)]


def _say(
    model: EditableModel,
    prompts: Sequence[Sequence[int]],
    revisions: Sequence[Revision],
    report: Report,
    stage: str,
    most: int = ANSWER_TOKENS,
) -> list[str]:
    """What the model says after each prompt, greedily; an answer that was cut ends in "…"."""
    said = generate(model, prompts, revisions, max_new_tokens=most, on_text=lambda *_: report(stage, 0, 1))
    return [g.text.strip() + ("…" if g.finish_reason == "length" and most >= ANSWER_TOKENS else "") for g in said]
