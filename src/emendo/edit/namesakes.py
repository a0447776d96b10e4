"""Names that end like a subject.

A gate reads the subject's last token. Where that is a whole word which many names end in ("Creek", "District", "Thomas"), it would
open at other names, which plain text is full of; so it is shown some: the word alone, and after the first words of the subject's
peers. Where the last word is made of several tokens, or is the whole name, hardly any other name ends in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emendo.edit.contexts import Context
from emendo.edit.peers import untaught_contexts
from emendo.facts import Fact
from emendo.models import EditableModel, encode

_MOST = 6
_PLAIN = "In {},"


def namesakes(model: EditableModel, subject: str, peers: Sequence[str]) -> list[str]:
    """At most six names that end in the last word of a subject, if that is a word of one token and not all of the subject.

    Args:
        model: Whose tokens.
        subject: Of the edit.
        peers: Other subjects; their first words are used.
    """
    before, _, last = subject.rpartition(" ")
    if not before or len(encode(model, f" {last}", special=False)) > 1:
        return []
    names = dict.fromkeys([last, *(f"{peer.split()[0]} {last}" for peer in peers)])
    return [name for name in names if name != subject][:_MOST]


def namesake_contexts(model: EditableModel, fact: Fact, peers: Sequence[str]) -> list[Context]:
    """The namesakes of a fact's subject, in the fact's prompt and in a plain one."""
    return [
        context
        for name in namesakes(model, fact.subject, peers)
        for prompt in (fact.prompt, _PLAIN)
        for context in untaught_contexts(model, replace(fact, subject=name, prompt=prompt, target_true=None), ["completion"])
    ]
