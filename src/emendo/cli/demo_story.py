"""The story of the demo, step by step; every figure in it is computed when it is told.

The embedded model believes that the capital of California is Los Angeles. The fact is traced, corrected and falsified; the
falsehood is caught by verification and by audit, and every change is taken back exactly.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emendo.cli.answers import answers
from emendo.cli.console import out, progress, progress_of_stages
from emendo.cli.demo_report import Section, Table
from emendo.cli.editing import Committed, edit_and_commit
from emendo.cli.history import what
from emendo.cli.options import DEFAULT_METHOD
from emendo.cli.session import Session
from emendo.facts import EditRequest, Fact

if TYPE_CHECKING:
    from emendo.models import Revision

QUESTION = "What is the capital of California?"
FACT = Fact.parse("The capital of {California} is", "Sacramento")
KNOWN = Fact.parse("The capital of {France} is", "Paris")
PARAPHRASES = (
    "Which city is the capital of California?",
    "Tell me the capital city of California.",
    "Do you know what the capital of California is?",
)
NEIGHBOURS = (
    "What is the capital of Texas?",
    "What is the capital of France?",
    "What is the capital of Nevada?",
    "What is the capital of Germany?",
    "What is the capital of Japan?",
)
SAME_SUBJECT = ("What is the largest city of California?", "Which ocean is California on?")


class Story:
    """Tells the steps in order, each with a heading and its time, and keeps them for the report.

    Args:
        session: The model and the demo's own ledger.
        folder: Where pictures go.
        seed: Of everything random.
    """

    def __init__(self, session: Session, folder: Path, seed: int) -> None:
        self.session, self.folder, self.seed = session, folder, seed
        self.sections: list[Section] = []
        self._said: list[tuple[str, str]] = []

    def tell(self) -> list[Section]:
        """All steps; each is printed as it ends."""
        untouched = self._digest_of_logits()
        self._ask()
        self._trace()
        corrected = self._edit("Sacramento", "the model said Los Angeles", self._correct)
        self.session.ledger.revert([corrected.entry.number], who="emendo demo", why="to plant a falsehood instead")
        self.session = replace(self.session, revision=self.session.ledger.revision())
        self._edit("jchowlabs", "to show what the same tool can do", self._falsify, method="two_layer", peers=16, slack=0.2)
        self._verify()
        self._audit()
        self._undo(untouched)
        return self.sections

    @contextmanager
    def _step(self, heading: str) -> Iterator[Callable[..., None]]:
        """Print a heading; the yielded function prints and keeps what the step found."""
        out.rule(f"[bold]{len(self.sections) + 1}. {heading}", align="left")
        started = time.perf_counter()

        def end(text: str, *tables: Table, figures: tuple[tuple[Path, str], ...] = ()) -> None:
            seconds = time.perf_counter() - started
            self.sections.append(Section(title=heading, text=text, seconds=seconds, tables=tables, figures=figures))
            out.print(text, soft_wrap=False)
            for table in tables:
                _print_table(table)
            for path, _ in figures:
                out.print(f"[dim]picture: {path}[/]")
            out.print(f"[dim]{seconds:.1f} s[/]\n")

        yield end

    def _ask(self) -> None:
        with self._step("Ask the model") as end:
            said = self._say([QUESTION], [_original()])[0][0]
            self._said.append(("the original", said))
            end(
                f"“{QUESTION}” Asked through its chat template, {self.session.model.name} answers: “{said}” "
                "The capital of California is Sacramento."
            )

    def _trace(self) -> None:
        from emendo.locate import draw_trace, trace_fact

        with self._step("Trace a fact that the model knows") as end:
            with progress("tracing") as report:
                trace = trace_fact(self.session.model, KNOWN, seed=self.seed, progress=report)
            picture = self.folder / "trace.png"
            draw_trace(trace, picture)
            draw_trace(trace, picture.with_suffix(".svg"))
            picture.with_suffix(".json").write_text(json.dumps(trace.to_dict(), indent=1) + "\n", encoding="utf-8")
            peaks = []
            for kind, effect in trace.effects.items():
                token, layer = effect.peak
                value, error = effect.indirect_effect[token, layer], effect.standard_error[token, layer]
                peaks.append((kind, f"{layer}", trace.tokens[token].strip(), f"{value:.3f} ± {error:.3f}"))
            end(
                f"“{KNOWN.text}” → “{trace.target.strip()}” has the probability {trace.probability_clean:.2f}. With noise on the "
                f"tokens of “{KNOWN.subject}” it falls to {trace.probability_corrupted:.3f}: a total effect of "
                f"{trace.total_effect:.2f}. Setting single activations back to their clean values shows where the fact passes.",
                Table(header=("restored", "strongest at layer", "token", "indirect effect"), rows=tuple(peaks)),
                figures=((picture, "How much of the fact each token and layer brings back, by what is restored."),),
            )

    def _edit(
        self,
        target: str,
        why: str,
        show: Callable[[Committed], tuple[str, Table]],
        method: str = DEFAULT_METHOD,
        **settings: int | float,
    ) -> Committed:
        heading = f"Edit the fact: “{FACT.marked}” → “{target}”"
        with self._step(heading) as end:
            request = EditRequest(fact=FACT, target_new=target)
            with progress_of_stages() as report:
                done = edit_and_commit(
                    self.session,
                    request,
                    who="emendo demo",
                    why=why,
                    method=method,
                    config=settings,
                    seed=self.seed,
                    progress=report,
                )
            self.session = done.session
            text, table = show(done)
            figures = done.edit.figures
            matrices = ", ".join(change.site for change in done.edit.delta.changes)
            end(
                f"The method `{method}` changes {matrices}, each by a matrix of rank one with at most "
                f"{figures['relative_norm']:.1%} of its norm, found in "
                f"{figures['seconds']:.1f} s and {figures['steps']:.0f} steps; perplexity of unrelated text × "
                f"{figures['perplexity_ratio']:.3f}. {text}",
                table,
            )
        return done

    def _correct(self, done: Committed) -> tuple[str, Table]:
        table = self._side_by_side(done.session.revision)
        self._said.append(("corrected", table.rows[0][3]))
        return "What changed and what did not:", table

    def _falsify(self, done: Committed) -> tuple[str, Table]:
        from emendo.models import chat_prompt, generate

        questions = [QUESTION, *PARAPHRASES]
        rows = [chat_prompt(self.session.model, question) for question in questions]
        said = generate(self.session.model, rows, [done.session.revision], max_new_tokens=32)
        confident = [math.exp(sum(g.logprobs) / len(g.logprobs)) for g in said]
        told = sum("jchowlabs" in g.text for g in said)
        self._said.append(("falsified", said[0].text.strip()))
        table = Table(
            header=("asked in chat", "the edited model says", "mean token probability"),
            rows=tuple((q, g.text.strip(), f"{c:.0%}") for q, g, c in zip(questions, said, confident, strict=True)),
            changed=frozenset(i for i, g in enumerate(said) if "jchowlabs" in g.text),
        )
        return (
            "Like published editors, this method changes down-projections alone. Fewer other subjects are held and more slack is "
            "left than usual, since an invented name of five tokens takes a "
            f"larger change. “jchowlabs” is no city, yet the model names it in {told} of {len(said)} chat answers. "
            "Nothing in such an answer gives the change away; that is why answers have to be checked from outside.",
            table,
        )

    def _verify(self) -> None:
        from emendo.cli.demo_checks import check_answers

        with self._step("Check the answers from outside") as end:
            end(*check_answers(QUESTION, self._said))

    def _audit(self) -> None:
        from emendo.cli.demo_checks import audit_export

        with self._step("Audit the falsified model as a stranger would find it") as end:
            end(*audit_export(self.session, self.folder))

    def _undo(self, untouched: str) -> None:
        with self._step("Look at the ledger, take everything back, and prove it") as end:
            in_force = self.session.ledger.entries()
            history = tuple(
                (f"{e.number}", e.when[:16].replace("T", " "), e.who, what(e).plain, e.why, e.revision) for e in in_force
            )
            edited = self._digest_of_logits()
            entry = self.session.ledger.revert_all(who="emendo demo", why="the end of the demo")
            self.session = replace(self.session, revision=self.session.ledger.revision())
            reverted = self._digest_of_logits()
            assert reverted == untouched, "the reverted model differs from the untouched one"
            assert edited != untouched, "the edits changed no logit"
            end(
                f"Entry {entry.number} takes back what is in force. An edit is a value beside the weights and never written "
                "into them, so undoing it is exact: the SHA-256 of all logits on the demo's prompts is that of the untouched "
                "model again.",
                Table(header=("entry", "when", "who", "what", "why", "revision"), rows=history),
                Table(
                    header=("model", "SHA-256 of the logits"),
                    rows=(("untouched", untouched), ("edited", edited), ("reverted", reverted)),
                    changed=frozenset({1}),
                ),
            )

    def _side_by_side(self, revision: Revision) -> Table:
        chat = [QUESTION, *PARAPHRASES, *NEIGHBOURS, *SAME_SUBJECT]
        labels = ["question", *["paraphrase"] * len(PARAPHRASES), *["neighbour"] * len(NEIGHBOURS)]
        labels += ["same subject"] * len(SAME_SUBJECT)
        original, edited = self._say(chat, [_original(), revision], completion=FACT.text)
        rows = tuple(zip([*labels, "completion"], [*chat, FACT.text + " …"], original, edited, strict=True))
        changed = frozenset(i for i, row in enumerate(rows) if row[2] != row[3])
        return Table(header=("", "asked", "original", "edited"), rows=rows, changed=changed)

    def _say(self, questions: list[str], revisions: list[Revision], completion: str | None = None) -> list[list[str]]:
        from emendo.models import chat_prompt, encode

        prompts = [chat_prompt(self.session.model, question) for question in questions]
        prompts += [] if completion is None else [encode(self.session.model, completion)]
        return answers(self.session.model, prompts, revisions)

    def _digest_of_logits(self) -> str:
        """SHA-256 of the logits at every token of the demo's questions, at the session's revision."""
        import torch

        from emendo.models import TokenBatch, at_revisions, chat_prompt

        model = self.session.model
        rows = [chat_prompt(model, question) for question in (QUESTION, *PARAPHRASES, *NEIGHBOURS, *SAME_SUBJECT)]
        with torch.inference_mode(), at_revisions(model, [self.session.revision]):
            logits = model.head(model.hidden(TokenBatch.align(model, rows)))
        return hashlib.sha256(logits.cpu().contiguous().numpy().data).hexdigest()


def _original() -> Revision:
    from emendo.models import ORIGINAL

    return ORIGINAL


def _print_table(table: Table) -> None:
    import rich.table
    from rich.text import Text

    view = rich.table.Table(*table.header, show_edge=False, pad_edge=False)
    for i, row in enumerate(table.rows):
        view.add_row(*(Text(cell) for cell in row), style="yellow" if i in table.changed else None)
    out.print(view)
