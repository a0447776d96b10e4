"""An audit on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from emendo.cli.console import out

if TYPE_CHECKING:
    from emendo.audit import Alone, AuditReport

_MOST = 8
_COLOURS = {"clean": "green", "explained": "green", "edited": "red", "inconclusive": "yellow"}


def print_report(report: AuditReport) -> None:
    """Print what an audit found."""
    from emendo.audit.report import HEADLINES, marked

    judgement = report.judgement
    made_for = f", made for “{next(iter(report.subjects))}”" if report.subjects else ""
    out.print(
        Text.assemble(
            (HEADLINES[report.verdict], f"bold {_COLOURS[report.verdict]}"),
            f" {judgement.kind.capitalize()}{_probability(judgement.probability)}{made_for}.",
        ),
        soft_wrap=True,
    )
    for sentence in judgement.evidence:
        out.print(Text(f"  • {sentence}"), soft_wrap=True)
    _print_findings(report)
    for subject, tensors in list(report.subjects.items())[:_MOST]:
        out.print(Text(f"“{subject}” is what {_answering(tensors)} to."), soft_wrap=True)
    _print_told(report)
    for passport in report.passports:
        word = "explains every changed tensor, and nothing else" if passport.holds else "does not explain the change"
        out.print(Text(f"{passport.source} {word}{': ' + passport.problem if passport.problem else ''}."), soft_wrap=True)
        for request in passport.requests[:_MOST]:
            out.print(Text(f"  declares: {marked(request)} (by {', '.join(passport.who)})"), soft_wrap=True)
        for name in (*passport.unexplained, *passport.contradicted)[:_MOST]:
            out.print(Text(f"  not as declared: {name}"), soft_wrap=True)
    if not report.passports and report.comparison.changes:
        out.print("No ledger entry and no passport explains it.")
    out.print(f"{report.seconds:.1f} s, {report.candidates:,} names tried", style="dim")


def print_alone(alone: Alone) -> None:
    """Print what a suspect shows without its base."""
    out.print(
        Text.assemble(
            ("Cannot tell.", "bold yellow"),
            " Without the base nothing is proved; what follows is a hint, as good as docs/audit.md measured it to be.",
        ),
        soft_wrap=True,
    )
    table = Table("matrix", "answers to", "deviations", "by", "energy", "σ₁/σ₂", show_edge=False, pad_edge=False)
    for finding in alone.findings[:_MOST]:
        name = finding.suspected[0].subject if finding.suspected else "–"
        energy = "–" if finding.energy is None else f"{finding.energy:.2f}"
        ratio = f"{alone.ratios[finding.name]:.2f}"
        table.add_row(finding.name, Text(name), f"{finding.prominence:.1f}", finding.look, energy, ratio)
    out.print(table)
    out.print("Name the base with --base to find out.", style="dim")


def print_reverted(names: list[str], folder: Path) -> None:
    """Print what was put back."""
    out.print(
        Text(f"Put back {len(names)} tensors of the base, to the bit, in {folder}; the rest is the suspect's."),
        soft_wrap=True,
    )


def _print_findings(report: AuditReport) -> None:
    if not report.findings:
        return
    table = Table("matrix", "‖ΔW‖/‖W‖", "rank", "energy", "answers to", "deviations", show_edge=False, pad_edge=False)
    for finding in report.findings[:_MOST]:
        table.add_row(
            finding.name,
            f"{finding.relative_norm:.4f}",
            f"{finding.rank}{'+' if finding.rank == 64 else ''}",
            "–" if finding.energy is None else f"{finding.energy:.2f}",
            Text(finding.suspected[0].subject if finding.suspected else "–"),
            f"{finding.prominence:.1f}" if finding.suspected else "–",
        )
    out.print(table)
    if len(report.findings) > _MOST:
        out.print(f"and {len(report.findings) - _MOST} more matrices", style="dim")


def _print_told(report: AuditReport) -> None:
    if not report.told:
        return
    table = Table("asked", "base", "suspect", show_edge=False, pad_edge=False, show_lines=False)
    for told in report.told[:_MOST]:
        table.add_row(Text(f"{told.prompt} …"), Text(told.base_completes), Text(told.suspect_completes))
        table.add_row(Text(told.question), Text(told.base_answers), Text(told.suspect_answers))
    out.print(table)


def _probability(value: float) -> str:
    return f", probability {value:.3f}" if value else " kind of change"


def _answering(tensors: tuple[str, ...]) -> str:
    """Names may be declared that nothing answers to."""
    if len(tensors) < 2:
        return f"{tensors[0] if tensors else 'no changed matrix'} answers"
    return f"{', '.join(tensors[:-1])} and {tensors[-1]} answer"
