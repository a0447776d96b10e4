"""Keys of other subjects in a request's prompts, which an edit shall leave alone.

The second moment says what a matrix is used for in running text, which seldom asks for capitals; so the keys of some peers of the
subject are held besides. Peers are those of a list of subjects of many kinds (`subjects.txt`) whose keys lie nearest to the
subject's own in the bare prompt, by cosine: for a state mostly states, for a car mostly cars. They are what an edit would spill to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.contexts import teaching_contexts
from emendo.edit.keys_values import keys_at_subject
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, matrix_units


def peer_keys(model: EditableModel, fact: Fact, layer: int, formats: Sequence[str], count: int) -> Float[Tensor, "d_mlp m"]:
    """Keys of the nearest peers of a fact's subject, one for each place where a peer stands in a text of the given formats.

    Args:
        model: At the revision that is to be edited.
        fact: Whose subject it is, and whose prompts the peers stand in.
        layer: Whose keys.
        formats: Of the texts; "prefixed" texts are left out.
        count: How many peers.
    """
    peers = nearest_peers(model, fact, layer, count)
    return _keys(model, layer, peers, [name for name in formats if name != "prefixed"])


def nearest_peers(model: EditableModel, fact: Fact, layer: int, count: int) -> list[Fact]:
    """The fact about other subjects, those first whose keys in the bare prompt are most like the subject's."""
    others = [replace(fact, subject=subject) for subject in subjects() if subject != fact.subject]
    keys = torch.nn.functional.normalize(_keys(model, layer, [fact, *others], ["completion"], first=True), dim=0)
    order = (keys[:, 0] @ keys[:, 1:]).argsort(descending=True)
    return [others[at] for at in order[:count].tolist()]


def subjects() -> tuple[str, ...]:
    """Every subject of the list."""
    text = files("emendo.edit").joinpath("subjects.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(subject for line in lines for subject in line.split("; "))


def _keys(
    model: EditableModel, layer: int, facts: Sequence[Fact], formats: Sequence[str], *, first: bool = False
) -> Float[Tensor, "d_mlp m"]:
    contexts = [
        replace(context, subject_lasts=context.subject_lasts[:1]) if first else context
        for fact in facts
        for context in teaching_contexts(model, EditRequest(fact=fact, target_new="-"), formats, [], stop=False)
    ]
    with matrix_units(model):
        return keys_at_subject(model, layer, contexts)
