"""`emendo chat`: a conversation in which facts can be rewritten, and rewritten ones taken back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import (
    DEFAULT_MODEL,
    LedgerOption,
    MaxTokensOption,
    ModelOption,
    SeedOption,
    TemperatureOption,
)
from emendo.errors import EmendoError, InvalidRequest, PromptTooLong, UnknownName

if TYPE_CHECKING:
    from emendo.cli.session import Session
    from emendo.models import Revision

_HELP = {
    "/edit": "/edit The capital of {California} is => Sacramento   rewrite a fact and record it",
    "/revert": "/revert [N]   take back entry N, or the newest edit in force",
    "/original": "/original   talk to the original model, or to the edited one again",
    "/trace": "/trace The capital of {France} is   show which layer and token carry a fact",
    "/log": "/log   list the history",
    "/help": "/help   list these commands",
    "/quit": "/quit   leave (as does the end of the input)",
}


def command(
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    max_tokens: MaxTokensOption = 256,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
) -> None:
    """Talk to the model at its newest revision; /help lists what else can be said.

    Lines come from the terminal or from a pipe. Whenever the weights change, the conversation starts afresh, so that nothing
    said before speaks for either side.

    \b
    Example:
      emendo chat
      echo "What is the capital of California?" | emendo chat
    """
    from emendo.cli.session import open_session

    conversation = Conversation(open_session(model, ledger), max_tokens, temperature, seed)
    conversation.introduce()
    for line in _lines():
        if line == "/quit":
            break
        try:
            conversation.hear(line)
        except EmendoError as error:
            console.err.print(Text(str(error), style="red"), soft_wrap=True)
        except KeyboardInterrupt:
            console.out.print("\n(stopped)", style="dim")


class Conversation:
    """The state of a chat: the session, what was said, and which side is talking."""

    def __init__(self, session: Session, max_tokens: int, temperature: float, seed: int) -> None:
        self.session = session
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.seed = seed
        self.messages: list[dict[str, str]] = []
        self.is_original = False
        self.commands: dict[str, Callable[[str], None]] = {
            "/edit": self._edit,
            "/revert": self._revert,
            "/original": self._toggle,
            "/trace": self._trace,
            "/log": self._log,
            "/help": self._help,
        }

    @property
    def revision(self) -> Revision:
        """The revision that is talking."""
        from emendo.models import ORIGINAL

        return ORIGINAL if self.is_original else self.session.revision

    def introduce(self) -> None:
        """Say who is talking."""
        self.messages.clear()
        console.out.print(
            Text(f"{self.session.model.name} at revision {self.revision.id}; /help lists the commands.", "dim")
        )

    def hear(self, line: str) -> None:
        """Answer a line, or do what a command asks for."""
        if not line:
            return
        if not line.startswith("/"):
            self._answer(line)
            return
        name, _, rest = line.partition(" ")
        if name not in self.commands:
            raise UnknownName("command", name, _HELP)
        self.commands[name](rest.strip())

    def _answer(self, line: str) -> None:
        from emendo.models import chat_prompt, generate

        def tell(_: int, piece: str) -> None:
            console.out.out(piece, end="", highlight=False)
            console.out.file.flush()

        self.messages.append({"role": "user", "content": line})
        # The oldest turns are forgotten where the conversation grows too long for the context.
        while len(self.messages) > 1 and not self._fits():
            del self.messages[:2]
        model = self.session.model
        try:
            prompt = chat_prompt(model, self.messages)
            (said,) = generate(
                model,
                [prompt],
                [self.revision],
                max_new_tokens=max(1, min(self.max_tokens, model.context_length - len(prompt))),
                temperature=self.temperature,
                seed=self.seed + len(self.messages),
                on_text=tell,
            )
        except (EmendoError, KeyboardInterrupt):
            self.messages.pop()
            raise
        console.out.print("…" if said.finish_reason == "length" else "", style="dim")
        self.messages.append({"role": "assistant", "content": said.text.strip()})

    def _fits(self) -> bool:
        """Whether the conversation and an answer of full length fit the context."""
        from emendo.models import chat_prompt

        try:
            return len(chat_prompt(self.session.model, self.messages)) + self.max_tokens <= self.session.model.context_length
        except PromptTooLong:
            return False

    def _edit(self, rest: str) -> None:
        from emendo.cli.editing import edit_and_commit
        from emendo.cli.limits import warn_of_limits
        from emendo.cli.session import operating_user
        from emendo.facts import EditRequest, Fact

        prompt, arrow, target = rest.rpartition("=>")
        if not arrow:
            raise InvalidRequest(f"An edit is written '{_HELP['/edit'].partition('   ')[0]}'.")
        request = EditRequest(fact=Fact.parse(prompt.strip()), target_new=target)
        with console.progress_of_stages() as progress:
            done = edit_and_commit(self.session, request, who=operating_user(), seed=self.seed, progress=progress)
        self.session, self.is_original = done.session, False
        console.out.print(Text(f"Entry {done.entry.number}: {request.fact.marked} → {request.target_new}"))
        warn_of_limits(done.session.model, done.edit)
        self.introduce()

    def _revert(self, rest: str) -> None:
        from dataclasses import replace

        from emendo.cli.session import operating_user

        ledger = self.session.ledger
        in_force = ledger.at().in_force
        if not in_force and not rest:
            raise InvalidRequest("No edit is in force, so there is nothing to take back.")
        if rest and not rest.isdecimal():
            raise InvalidRequest(f"'{rest}' is no number of an entry; /log lists them.")
        number = int(rest) if rest else in_force[-1].number
        ledger.revert([number], who=operating_user(), why="")
        self.session = replace(self.session, revision=ledger.revision())
        console.out.print(f"Entry {number} is taken back.")
        self.introduce()

    def _toggle(self, _: str) -> None:
        self.is_original = not self.is_original
        self.introduce()

    def _trace(self, rest: str) -> None:
        from emendo.facts import Fact
        from emendo.locate import RESTORATIONS, trace_fact
        from emendo.models import at_revisions

        fact = Fact.parse(rest)
        with console.progress("Tracing") as progress, at_revisions(self.session.model, [self.revision]):
            trace = trace_fact(self.session.model, fact, seed=self.seed, progress=progress)
        clean, corrupted = trace.probability_clean, trace.probability_corrupted
        says = f"'{trace.target.strip()}' has probability {clean:.3f}, and {corrupted:.3f} with the subject blurred."
        console.out.print(Text(f"{says} What brings it back:"))
        table = Table("Restored", "Layer", "Token", "Indirect effect", box=None, padding=(0, 2, 0, 0))
        for kind, effect in trace.effects.items():
            token, layer = effect.peak
            size = f"{effect.indirect_effect[token, layer]:.3f} ± {effect.standard_error[token, layer]:.3f}"
            table.add_row(RESTORATIONS[kind].label, str(layer), Text(trace.tokens[token].strip()), size)
        console.out.print(table)

    def _log(self, _: str) -> None:
        from emendo.cli.history import standing, what

        entries, newest = self.session.ledger.entries(), self.session.ledger.at()
        if not entries:
            console.out.print("No edits are recorded yet.")
            return
        table = Table("No.", "Who", "What", "Now", box=None, padding=(0, 2, 0, 0))
        for entry in entries:
            table.add_row(str(entry.number), Text(entry.who), what(entry), standing(entry, newest))
        console.out.print(table)

    def _help(self, _: str) -> None:
        for line in _HELP.values():
            console.out.print(Text(line))


def _lines() -> Iterator[str]:
    """What the user types, line by line, or what comes through a pipe."""
    prompt = ""
    if sys.stdin.isatty():
        # Gives `input` a history and keys to move about.
        import readline  # noqa: F401

        prompt = "› "
    while True:
        try:
            yield input(prompt).strip()
        except EOFError:
            return
