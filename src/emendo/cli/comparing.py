"""`emendo verify --compare`: both revisions are asked, and each claim of the edited one is shown with what the edit did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from emendo.cli import console

if TYPE_CHECKING:
    from emendo.cli.session import Session
    from emendo.verify.compare import Compared
    from emendo.verify.consistency import Consistency

_TEMPERATURE = 1.0
_SIGNS = {
    "edit_signature": "consistent and refuted, the signature of an edit",
    "native_belief": "consistent and refuted in both",
    "slip": "inconsistent and refuted, a slip",
}


def compare_revisions(
    session: Session,
    question: str,
    source: list[str] | None,
    *,
    at: str | None,
    max_tokens: int,
    samples: int,
    is_json: bool,
) -> bool:
    """Whether anything that the edited model says is refuted, after printing the comparison.

    Args:
        session: Model, history and revision.
        question: What both are asked.
        source: Where to look.
        at: Point of the history.
        max_tokens: Most tokens an answer.
        samples: Answers drawn from each side; 0 draws none.
        is_json: Whether to print JSON.
    """
    from emendo.cli.verifying import edits_in_force, open_sources
    from emendo.models import ORIGINAL, chat_prompt, generate
    from emendo.verify import verify_answer
    from emendo.verify.compare import compare_reports
    from emendo.verify.consistency import consistency

    sources = open_sources(source, edits_in_force(session.ledger, at))
    sides = [ORIGINAL, session.revision]
    prompt = chat_prompt(session.model, question)
    with console.err.status("Answering"):
        said = generate(session.model, [prompt] * 2, sides, max_new_tokens=max_tokens)
        drawn = [
            [
                one.text
                for one in generate(
                    session.model,
                    [prompt] * samples,
                    [side] * samples,
                    max_new_tokens=max_tokens,
                    temperature=_TEMPERATURE,
                )
            ]
            if samples
            else []
            for side in sides
        ]
    original, edited = (verify_answer(question, one.text.strip(), sources=sources) for one in said)
    compared = compare_reports(original, edited)
    again = [consistency(c.verdict, question, drawn[1], drawn[0]) for c in compared]
    if is_json:
        rows = [
            {
                "claim": c.verdict.claim.text,
                "verdict": c.verdict.label,
                "effect": c.effect,
                "explanation": c.explanation,
                "consistency": None if agreed is None else asdict(agreed),
            }
            for c, agreed in zip(compared, again, strict=True)
        ]
        console.print_json(
            {"revision": session.revision.id, "effects": rows, "original": original.describe(), "edited": edited.describe()}
        )
    else:
        for name, report in (("original  ", original), ("edited    ", edited)):
            console.out.print(Text.assemble((name, "bold"), report.answer))
        console.out.print()
        console.out.print(_table(compared, again, has_samples=samples > 0))
    return bool(edited.refuted)


def _table(compared: Sequence[Compared], again: Sequence[Consistency | None], *, has_samples: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in ("Claim of the edited model", "Verdict", "What the edit did", *["Said again"] * has_samples, "Why"):
        table.add_column(column, overflow="fold")
    for c, agreed in zip(compared, again, strict=True):
        told = "; ".join(part for part in (c.explanation, c.verdict.why) if part)
        shown = (c.verdict.label.replace("_", " "), c.effect.replace("_", " "), *[_again(agreed)] * has_samples)
        table.add_row(Text(c.verdict.claim.text), *shown, Text(told))
    return table


def _again(agreed: Consistency | None) -> str:
    """How often each side says a claim again, and what that means."""
    if agreed is None:
        return "–"
    told = f"edited {agreed.edited:.0%}, original {agreed.original:.0%} of {agreed.samples}"
    return f"{told}: {_SIGNS[agreed.sign]}" if agreed.sign else told
