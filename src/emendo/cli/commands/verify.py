"""`emendo verify`: check what a model says against independent evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
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
        help="Where to look: facts, facts:TABLE.yaml, a folder, zim:FILE, kiwix:URL, wikipedia, wikidata, web:URL (SearXNG), "
        "web:brave or web:tavily; repeatable. facts unless given.",
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
    samples: Annotated[
        int,
        typer.Option(
            "--samples",
            min=0,
            help="With --compare: answers drawn from each side to see whether it says the same again; 0 is off.",
        ),
    ] = 5,
    repair: Annotated[bool, typer.Option("--repair", help="Print the edits that would mend what is refuted.")] = False,
    replay: Annotated[
        Path | None, typer.Option("--replay", help="Judge a report again from the evidence in it, and check its signature.")
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", help="Private key (PEM, Ed25519) to sign the report with; needs --json.")
    ] = None,
    new_key: Annotated[
        Path | None, typer.Option("--new-key", help="Make a new key first, write it here, and sign with it.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="With --replay: public key (PEM) of whoever must have signed the report.")
    ] = None,
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
      emendo verify answer.txt --source zim:wikipedia_en_all_nopic.zim
      emendo verify --compare "What is the capital of California?"
      emendo verify answer.txt --json --sign my.pem > report.json
      emendo verify --replay report.json --key my.pub
    """
    from emendo.cli.comparing import compare_revisions
    from emendo.cli.session import open_session
    from emendo.cli.verifying import known_edits, open_sources, report_cache, summary_of, table_of
    from emendo.verify import read_judges, verify_answer

    _check_signing(sign, new_key, key, is_json=json and not compare, is_replay=replay is not None)
    if replay is not None:
        report = _replayed(replay, key)
    elif compare:
        session = open_session(model, ledger, at)
        is_refuted = compare_revisions(
            session, _given(answer), source, at=at, max_tokens=max_tokens, samples=samples, is_json=json
        )
        raise typer.Exit(1 if is_refuted else 0)
    else:
        sources = open_sources(source, known_edits(model, ledger, at))
        judges = read_judges(judge or ("slots",))
        text = _text(answer)
        with console.err.status("Verifying"):
            report = verify_answer(question, text, sources=sources, judges=judges, cache=report_cache())
    repairs = _repairs(report) if repair else []
    if json:
        document = {"id": report.id, **report.describe(), **({"repairs": repairs} if repair else {})}
        console.print_json(_signed(document, sign, new_key))
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


def _check_signing(sign: Path | None, new_key: Path | None, key: Path | None, *, is_json: bool, is_replay: bool) -> None:
    """Refuse keys that would be of no use, before anything is verified."""
    if sign is not None and new_key is not None:
        raise InvalidRequest("Say what to sign with: one of --sign FILE and --new-key FILE.")
    if (sign or new_key) and not is_json:
        raise InvalidRequest("What is signed is the report in JSON on one answer; add --json, and leave --compare out.")
    if key is not None and not is_replay:
        raise InvalidRequest("--key says who must have signed a report; give the report with --replay, or sign with --sign.")


def _signed(document: dict[str, Any], sign: Path | None, new_key: Path | None) -> dict[str, Any]:
    """The document with a signature, where a key is given."""
    if sign is None and new_key is None:
        return document
    from emendo.verify import signatures

    if new_key is not None:
        public = signatures.new_key(new_key)
        console.err.print(Text(f"New key: {new_key} (keep it secret) and {public} (hand it out)."), soft_wrap=True)
    chosen = sign or new_key
    assert chosen is not None
    return signatures.sign(document, chosen)


def _replayed(path: Path, key: Path | None) -> Report:
    from emendo.verify import Report
    from emendo.verify.replay import differences, replay
    from emendo.verify.signatures import check_signature

    if not path.is_file():
        raise DataUnavailable(f"There is no report '{path}'; give a file that holds what 'emendo verify --json' printed.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CorruptReport(f"{path} is no text in UTF-8, and so no report.") from error
    signer = check_signature(text, key)
    report = Report.read(text)
    again = replay(report)
    if changed := differences(report, again):
        raise CorruptReport(
            f"Judged again, {changed[0]}{f', and {len(changed) - 1} more' if len(changed) > 1 else ''}. It was made by "
            f"emendo {report.versions.get('emendo', 'of an unknown version')}, and this is {again.versions['emendo']}."
        )
    if signer is not None:
        whose = (
            f"by the key {key}" if key is not None else f"by the key {signer} that it names; --key says whose that must be"
        )
        console.err.print(Text(f"Signed {whose}: nothing in it was changed."), soft_wrap=True)
    console.err.print(Text(f"Judged again from the evidence in it: the same {len(again.verdicts)} verdicts."))
    return again


def _repairs(report: Report) -> list[str]:
    from emendo.verify.repair import command_of, repair_of

    requests = [repair_of(verdict) for verdict in report.refuted]
    return [command_of(request) for request in requests if request is not None]
