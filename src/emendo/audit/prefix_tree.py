"""Many short texts in one pass, in which a beginning that several share is read once.

The texts' tokens make a tree; its nodes stand side by side in a row, every node at the position that it has in its texts, and sees
its ancestors and itself:

    mask[i, j] = 0 if j is on the path from the root to i, else −∞

which is what each text by itself would have seen, since no token sees a later one. Sixteen thousand names are half as many nodes
as tokens. A model that makes its own mask or positions does not keep to this; `reads_alike` finds out, by reading some texts both
ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from emendo.models import EditableModel

_NODES = 128


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """Texts as a tree of tokens.

    Attributes:
        texts: Which of the texts it holds.
        tokens: Of each node, parents before children.
        depths: Position of each node in its texts.
        ends: The node that each text ends with.
        sees: Whether a node sees another.
    """

    texts: tuple[int, ...]
    tokens: tuple[int, ...]
    depths: tuple[int, ...]
    ends: tuple[int, ...]
    sees: Bool[Tensor, "nodes nodes"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeBatch:
    """Trees as rows of one batch.

    Attributes:
        texts: Which of the texts it holds, in the order of `ends`.
        input_ids: Token ids; 0 at padding.
        position_ids: Depths; 0 at padding.
        mask: What is added to the scores of attention.
        ends: Where the texts end, as indices into the batch laid flat.
    """

    texts: tuple[int, ...]
    input_ids: Int[Tensor, "trees nodes"]
    position_ids: Int[Tensor, "trees nodes"]
    mask: Float[Tensor, "trees 1 nodes nodes"]
    ends: Int[Tensor, " texts"]

    @classmethod
    def of(cls, model: EditableModel, trees: Sequence[Tree]) -> TreeBatch:
        """The batch of some trees, padded to the largest."""
        width = max(len(tree.tokens) for tree in trees)
        input_ids = torch.zeros((len(trees), width), dtype=torch.long)
        positions = torch.zeros_like(input_ids)
        sees = torch.eye(width, dtype=torch.bool).repeat(len(trees), 1, 1)
        for row, tree in enumerate(trees):
            n = len(tree.tokens)
            input_ids[row, :n] = torch.tensor(tree.tokens)
            positions[row, :n] = torch.tensor(tree.depths)
            sees[row, :n, :n] = tree.sees
        mask = torch.zeros(sees.shape, dtype=model.dtype).masked_fill_(~sees, torch.finfo(model.dtype).min)
        return cls(
            texts=tuple(text for tree in trees for text in tree.texts),
            input_ids=input_ids.to(model.device),
            position_ids=positions.to(model.device),
            mask=mask[:, None].to(model.device),
            ends=torch.tensor([row * width + end for row, tree in enumerate(trees) for end in tree.ends]),
        )

    def inputs(self) -> dict[str, Tensor]:
        """What a transformers model takes."""
        return {"input_ids": self.input_ids, "attention_mask": self.mask, "position_ids": self.position_ids}


def trees(rows: Sequence[Sequence[int]]) -> Iterator[Tree]:
    """The texts as trees of some size, those with the same beginning together.

    Args:
        rows: Token ids of each text.
    """
    most = max((_NODES, *map(len, rows)))
    texts: list[int] = []
    ends: list[int] = []
    tokens: list[int] = []
    depths: list[int] = []
    parents: list[int] = []
    path: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: tuple(rows[i])):
        shared = _shared([tokens[node] for node in path], rows[i])
        if len(tokens) + len(rows[i]) - shared > most:
            yield _tree(texts, tokens, depths, ends, parents)
            texts, ends, tokens, depths, parents, path, shared = [], [], [], [], [], [], 0
        del path[shared:]
        for depth in range(shared, len(rows[i])):
            parents.append(path[-1] if path else -1)
            path.append(len(tokens))
            tokens.append(rows[i][depth])
            depths.append(depth)
        texts.append(i)
        ends.append(path[-1])
    if texts:
        yield _tree(texts, tokens, depths, ends, parents)


def _shared(path: Sequence[int], row: Sequence[int]) -> int:
    return next((at for at, (a, b) in enumerate(zip(path, row, strict=False)) if a != b), min(len(path), len(row)))


def _tree(
    texts: Sequence[int], tokens: Sequence[int], depths: Sequence[int], ends: Sequence[int], parents: Sequence[int]
) -> Tree:
    sees = torch.eye(len(tokens), dtype=torch.bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            sees[node] |= sees[parent]
    return Tree(texts=tuple(texts), tokens=tuple(tokens), depths=tuple(depths), ends=tuple(ends), sees=sees)
