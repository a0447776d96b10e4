"""`emendo verify`: check what a model says against independent evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import DEFAULT_MODEL, AtOption, JsonOption, LedgerOption, MaxTokensOption, ModelOption
from emendo.errors import CorruptReport, DataUnavailable, InvalidRequest

if TYPE_CHECKING:
    from emendo.verify import Report

SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="Where to look: facts, facts:TABLE.yaml, a folder, wikipedia, wikidata or web:URL; repeatable. facts unless given.",
    ),
]


def command(
    answer: Annotated[str | None, typer.Argument(help="The answer, a file that holds it, or - for standard input.")] = None,
    question: Annotated[str, typer.Option("--question", "-q", help="What was asked.")] = "",
    source: SourceOption = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            help="Who decides: slots, nli, nli:NAME, llm:MODEL@URL; repeatable, or between commas. slots unless given.",
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Take the argument as a question, ask the original and the edited model, and compare."
        ),
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Print the edits that would mend what is refuted.")] = False,
    replay: Annotated[Path | None, typer.Option("--replay", help="Judge a report again from the evidence in it.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    at: AtOption = None,
    max_tokens: MaxTokensOption = 128,
    json: JsonOption = False,
) -> None:
    """Split an answer into claims and judge each: supported, refuted, or why neither.

    No model is asked. What was not checked never counts as supported. Exits with 1 where something is refuted.

    \b
    Example:
      emendo verify "The capital of California is Los Angeles. It became a state in 1850."
      emendo verify --question "What is the capital of France?" answer.txt --source facts --source ./docs --json
      emendo verify --compare "What is the capital of California?"
      emendo verify --replay report.json
    """
    from emendo.cli.verifying import known_edits, open_sources, report_cache, summary_of, table_of
    from emendo.verify import read_judges, verify_answer

    if replay is not None:
        report = _replayed(replay)
    elif compare:
        _compare(_given(answer), source, model, ledger, at, max_tokens, json)
        return
    else:
        sources = open_sources(source, known_edits(model, ledger, at))
        judges = read_judges(judge or ("slots",))
        text = _text(answer)
        with console.err.status("Verifying"):
            report = verify_answer(question, text, sources=sources, judges=judges, cache=report_cache())
    repairs = _repairs(report) if repair else []
    if json:
        console.print_json({"id": report.id, **report.describe(), **({"repairs": repairs} if repair else {})})
    else:
        console.out.print(table_of(report))
        console.out.print(Text(f"\n{summary_of(report)}"))
        for line in repairs:
            console.out.print(Text(line), soft_wrap=True)
        if repair and not repairs:
            console.out.print("Nothing to repair: no claim is refuted by evidence that tells what is right.")
    if report.refuted:
        raise typer.Exit(1)


def _text(answer: str | None) -> str:
    """The answer from the argument, the file that it names, or standard input."""
    try:
        if answer is None or answer == "-":
            text = "" if answer is None and sys.stdin.isatty() else sys.stdin.read()
        else:
            text = Path(answer).read_text(encoding="utf-8") if _is_file(answer) else answer
    except UnicodeDecodeError as error:
        raise DataUnavailable(
            f"The answer is no text in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8."
        ) from error
    if not text.strip():
        raise InvalidRequest("There is nothing to verify; give an answer, a file that holds it, or - for standard input.")
    return text


def _given(question: str | None) -> str:
    if not question:
        raise InvalidRequest(
            '--compare needs a question, as in: emendo verify --compare "What is the capital of California?"'
        )
    return question


def _is_file(answer: str) -> bool:
    try:
        return Path(answer).is_file()
    except (OSError, ValueError):
        # A sentence may be longer than a name can be.
        return False


def _replayed(path: Path) -> Report:
    from emendo.verify import Report
    from emendo.verify.replay import differences, replay

    if not path.is_file():
        raise DataUnavailable(f"There is no report '{path}'; give a file that holds what 'emendo verify --json' printed.")
    try:
        report = Report.read(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CorruptReport(f"{path} is no text in UTF-8, and so no report.") from error
    again = replay(report)
    if changed := differences(report, again):
        raise CorruptReport(
            f"Judged again, {changed[0]}{f', and {len(changed) - 1} more' if len(changed) > 1 else ''}. It was made by "
            f"emendo {report.versions.get('emendo', 'of an unknown version')}, and this is {again.versions['emendo']}."
        )
    console.err.print(Text(f"Judged again from the evidence in it: the same {len(again.verdicts)} verdicts."))
    return again


def _repairs(report: Report) -> list[str]:
    from emendo.verify.repair import command_of, repair_of

    requests = [repair_of(verdict) for verdict in report.refuted]
    return [command_of(request) for request in requests if request is not None]


def _compare(
    question: str, source: list[str] | None, model: str, ledger: Path | None, at: str | None, max_tokens: int, json: bool
) -> None:
    from emendo.cli.session import open_session
    from emendo.cli.verifying import edits_in_force, open_sources
    from emendo.models import ORIGINAL, chat_prompt, generate
    from emendo.verify import verify_answer
    from emendo.verify.compare import compare_reports

    session = open_session(model, ledger, at)
    sources = open_sources(source, edits_in_force(session.ledger, at))
    prompt = chat_prompt(session.model, question)
    with console.err.status("Answering"):
        said = generate(session.model, [prompt] * 2, [ORIGINAL, session.revision], max_new_tokens=max_tokens)
    original, edited = (verify_answer(question, one.text.strip(), sources=sources) for one in said)
    compared = compare_reports(original, edited)
    if json:
        rows = [
            {"claim": c.verdict.claim.text, "verdict": c.verdict.label, "effect": c.effect, "explanation": c.explanation}
            for c in compared
        ]
        console.print_json(
            {"revision": session.revision.id, "effects": rows, "original": original.describe(), "edited": edited.describe()}
        )
    else:
        console.out.print(
            Text.assemble(("original  ", "bold"), original.answer),
            Text.assemble(("edited    ", "bold"), edited.answer),
            sep="\n",
        )
        table = Table(box=None, padding=(0, 1, 0, 0))
        for column in ("Claim of the edited model", "Verdict", "What the edit did", "Why"):
            table.add_column(column, overflow="fold")
        for c in compared:
            told = "; ".join(part for part in (c.explanation, c.verdict.why) if part)
            table.add_row(
                Text(c.verdict.claim.text), c.verdict.label.replace("_", " "), c.effect.replace("_", " "), Text(told)
            )
        console.out.print()
        console.out.print(table)
    if edited.refuted:
        raise typer.Exit(1)
