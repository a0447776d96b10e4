"""Keys that an edit shall leave alone: of other subjects in a request's prompts, and of its own subject in other texts.

The second moment says what a matrix is used for in running text, which seldom asks for capitals; so the keys of some peers of the
subject are held besides. Peers are those of a list of subjects of many kinds (`subjects.txt`) whose names have keys nearest to
that of the subject's name, by cosine: for a state mostly states, for a car mostly cars. They are what an edit would spill to.

An edit of one relation would leak into the others of its subject too, since the subject's key hardly depends on what is asked.
It does depend a little, on the words before the subject; so the subject's keys in texts about something else are held as well,
but for those that are the key of an edited prompt themselves, as where the subject stands first. What is held so would take the
subject along wherever other words stand before it; so a gate is told, too, where it shall open: at the beginning of a sentence,
where the fact is said in other words, as far as rules have some, and around a second question that is taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.companions import paraphrases
from emendo.edit.contexts import Context, chat_context, teaching_contexts
from emendo.edit.keys_values import read_at_subject
from emendo.edit.moment_sums import MomentKind
from emendo.edit.subjects import subjects
from emendo.edit.texts import ASKED, BEGINNINGS, TEXTS
from emendo.errors import InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, Site

# Cosine from which a key counts as that of an edited prompt.
_ALIKE = 0.995


def check_texts(count: int) -> None:
    """Refuse more other texts than there are.

    Raises:
        InvalidRequest: There are fewer.
    """
    if not 0 <= count <= len(TEXTS):
        raise InvalidRequest(f"There are {len(TEXTS)} other texts, and texts={count} were wanted; give 0 to {len(TEXTS)}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Peers:
    """Keys of the listed subjects in the prompts of facts, each read once: facts of one relation share them.

    Attributes:
        model: At the revision that is to be edited.
        layers: Whose keys.
        formats: Of the texts that the peers stand in; "prefixed" texts are left out.
        count: How many peers a subject has.
        listed: By layer, the keys of the listed names; filled, and read once if it is given again.
        share: As for `read_at_subject`.
        kind: Which activation of them: "key", or "mlp_in".
    """

    model: EditableModel
    layers: tuple[int, ...]
    formats: tuple[str, ...]
    count: int
    listed: dict[int, Float[Tensor, "d_mlp subjects"]] = field(default_factory=dict)
    share: bool = False
    kind: MomentKind = "key"
    _found: dict[Fact, list[Float[Tensor, "d_mlp places"]]] = field(default_factory=dict)
    _nearest: dict[Fact, list[Fact]] = field(default_factory=dict)

    def keys(self, fact: Fact) -> dict[int, Float[Tensor, "d_mlp m"]]:
        """By layer, a column for the place where one of the nearest peers of a fact's subject stands in a text."""
        peers = self.nearest(fact)
        missing = [peer for peer in peers if peer not in self._found]
        if missing:
            wanted = [name for name in self.formats if name != "prefixed"]
            contexts = [untaught_contexts(self.model, peer, wanted) for peer in missing]
            places = [sum(len(context.subject_lasts) for context in own) for own in contexts]
            sites = [Site(self.kind, layer) for layer in self.layers]
            read = read_at_subject(self.model, sites, [context for own in contexts for context in own], share=self.share)
            for peer, *keys in zip(missing, *(torch.split(columns, places, dim=1) for columns in read), strict=True):
                self._found[peer] = keys
        empty = torch.zeros(self._width, 0)
        return {
            layer: torch.cat([empty, *(self._found[peer][at].cpu() for peer in peers)], dim=1)
            for at, layer in enumerate(self.layers)
        }

    def own_keys(self, subject: str, edited: Float[Tensor, "d_mlp m"], texts: int) -> dict[int, Float[Tensor, "d_mlp n"]]:
        """By layer, a column for each place where a subject stands in a text about something else.

        Args:
            subject: Of the edit.
            edited: Keys that are edited, at the first of the layers: what is like one of them is left out.
            texts: How many of `TEXTS`.
        """
        read = self._read([self._other_context(Fact(subject=subject, prompt=text)) for text in TEXTS[:texts]])
        first, taken = (torch.nn.functional.normalize(keys, dim=0) for keys in (read[self.layers[0]], edited.cpu()))
        is_other = (first.T @ taken).amax(dim=1) < _ALIKE
        return {layer: keys[:, is_other] for layer, keys in read.items()}

    def worded_keys(self, fact: Fact, asked: bool) -> dict[int, Float[Tensor, "d_mlp n"]]:
        """By layer, a column for each place where the subject is read in what else, by rule, may say the fact, or also ask it."""
        said = [request.fact for request in paraphrases(EditRequest(fact=fact, target_new="-"))]
        told = [*(Fact(subject=fact.subject, prompt=text) for text in BEGINNINGS), *said]
        contexts = [context for one in told for context in untaught_contexts(self.model, one, ["completion"])]
        if asked:
            question = fact.other_question() or fact.question()
            contexts += [chat_context(self.model, text.format(question), fact.subject) for text in ASKED]
        # Open at an attention sink, a gate would be open at the beginning of any text.
        return self._read([context for context in contexts if not context.is_unread])

    def nearest(self, fact: Fact) -> list[Fact]:
        """The fact about other subjects, those first whose names have the keys that are most like those of its subject's."""
        if fact not in self._nearest:
            own = self._names_keys([fact.subject])
            if self.layers[0] not in self.listed:
                self.listed[self.layers[0]] = self._names_keys(subjects())
            order = (own[:, 0] @ self.listed[self.layers[0]]).argsort(descending=True).tolist()
            listed = subjects()
            others = [listed[at] for at in order if listed[at] != fact.subject]
            self._nearest[fact] = [replace(fact, subject=other, target_true=None) for other in others[: self.count]]
        return self._nearest[fact]

    def _read(self, contexts: Sequence[Context]) -> dict[int, Float[Tensor, "d_mlp places"]]:
        """By layer, a column for each place where a subject stands in some texts."""
        if not contexts:
            return {layer: torch.zeros(self._width, 0) for layer in self.layers}
        read = read_at_subject(self.model, [Site(self.kind, layer) for layer in self.layers], contexts, share=self.share)
        return {layer: keys.cpu() for layer, keys in zip(self.layers, read, strict=True)}

    def _other_context(self, fact: Fact) -> Context:
        """A text about something else. A question is asked in chat, and the answer names the subject again."""
        if not fact.is_question:
            return untaught_contexts(self.model, fact, ["completion"])[0]
        said = fact.statement()
        return chat_context(self.model, fact.text, fact.subject, fact.subject if said is None else said.text)

    @property
    def _width(self) -> int:
        return self.model.d_mlp if self.kind == "key" else self.model.d_model

    def _names_keys(self, names: Sequence[str]) -> Float[Tensor, "d_mlp names"]:
        """Keys at the first of the layers, of the names alone, with a norm of one."""
        contexts = [
            context
            for name in names
            for context in untaught_contexts(self.model, Fact(subject=name, prompt="{}"), ["completion"])
        ]
        (keys,) = read_at_subject(self.model, [Site(self.kind, self.layers[0])], contexts)
        return torch.nn.functional.normalize(keys, dim=0)


def untaught_contexts(model: EditableModel, fact: Fact, formats: Sequence[str]) -> list[Context]:
    """The texts of a fact in which its subject is read and nothing is taught."""
    return teaching_contexts(model, EditRequest(fact=fact, target_new="-"), formats, [], stop=False)
