"""Evidence sources and judges, ready for use: a plug-in together with its configuration.

A source plug-in defines `Config` with `Config.of(argument)`, `search(claim, limit, config)` and `version(config)`. An empty list
says that nothing was found; a failure is raised, and the claim says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emendo.registry import Registry
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage
from emendo.verify.verdict import Opinion

SOURCES = Registry("emendo.verify.sources", "source")
JUDGES = Registry("emendo.verify.judges", "judge")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source to search."""

    name: str
    search: Callable[[Claim, int], list[Passage]] = field(repr=False)
    version: Callable[[], str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A judge to ask.

    Attributes:
        name: Of the plug-in.
        judge: Gives its opinions on a claim in the light of one passage.
        version: What its opinions depend on besides.
        is_repeatable: Whether it says the same of the same words wherever it is asked; a replay keeps what others said.
        is_fallback: Whether it is asked only about claims of which no other judge has an opinion.
    """

    name: str
    judge: Callable[[Claim, Passage], list[Opinion]] = field(repr=False)
    version: Callable[[], str] = field(repr=False)
    is_repeatable: bool = True
    is_fallback: bool = False


def open_source(name: str, config: Any = None) -> Source:
    """The source of that name with its configuration, or with its defaults.

    Raises:
        UnknownName: There is no such source.
    """
    module = SOURCES.get(name)
    chosen = module.Config() if config is None else config
    return Source(
        name=name,
        search=lambda claim, limit: module.search(claim, limit, chosen),
        version=lambda: str(module.version(chosen)),
    )


def open_judge(name: str, config: Any = None) -> Judge:
    """The judge of that name with its configuration, or with its defaults.

    Raises:
        UnknownName: There is no such judge.
    """
    module = JUDGES.get(name)
    chosen = module.Config() if config is None else config
    return Judge(
        name=name,
        judge=lambda claim, passage: module.judge(claim, passage, chosen),
        version=lambda: str(module.version(chosen)),
        is_repeatable=module.IS_REPEATABLE,
        is_fallback=module.IS_FALLBACK,
    )


def read_source(text: str) -> Source:
    """The source that a text names: "facts", "facts:table.yaml", "folder:./docs", or a folder or file itself.

    Raises:
        UnknownName: There is no such source, and no such folder.
    """
    name, _, argument = text.partition(":")
    if name not in SOURCES.names() and Path(text).expanduser().exists():
        name, argument = "folder", text
    return open_source(name, SOURCES.get(name).Config.of(argument))


def read_judges(texts: Sequence[str]) -> list[Judge]:
    """The judges that some texts name, each one or several between commas: "slots,nli".

    Raises:
        UnknownName: There is no such judge.
    """
    # An argument may hold commas of its own: "nli:NAME,supported=1".
    between = re.compile(rf",(?=(?:{'|'.join(map(re.escape, JUDGES.names()))})(?:[:,]|$))")
    return [read_judge(text) for one in texts for text in between.split(one)]


def read_judge(text: str) -> Judge:
    """The judge that a text names: "slots", "nli", "llm:gpt-oss@http://localhost:11434/v1".

    Raises:
        UnknownName: There is no such judge.
    """
    name, _, argument = text.partition(":")
    return open_judge(name, JUDGES.get(name).Config.of(argument))
