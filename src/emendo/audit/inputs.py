"""What goes into a matrix: its inputs over a text of the auditor's own, and at the last token of a subject.

    q(v) = vᵀ C v / (‖v‖² tr C / n),      C = E[k kᵀ]

is 1 for a direction that carries as much of the inputs as directions do on average. Training moves weights where inputs have
energy (q far above 1); closed-form edits move along C⁻¹ k, where they have little. vᵀ C v is the mean of (v · k)², so that C itself
is never formed; neither is it taken from the editor. Its leading eigenvectors are those of a Nyström approximation from a sketch
C Ω of one pass (Tropp, Yurtsever, Udell and Cevher 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emendo.audit.prefix_tree import TreeBatch, trees
from emendo.models import EditableModel, TokenBatch, subject_spans

TOKENS = 4096
# Leading directions: so many, and in small models a share of the width.
_LEADING, _LEADING_SHARE = 64, 1 / 24
_OVERSAMPLING = 16
_ROW_TOKENS = 256
_ROWS_AT_ONCE = 4
_ROWS_OF_SUBJECTS = 128
_TREES_AT_ONCE = 8
# Texts that are read both ways before trees are relied on.
_TRIED = 8

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """How some directions lie in the inputs of a matrix.

    Attributes:
        energy: q of each direction.
        gram: Vᵀ C V over the directions V, as a share of tr C / n.
        leading: An orthonormal basis of the directions in which the inputs have most energy.
    """

    energy: Float[Tensor, " components"]
    gram: Float[Tensor, "components components"]
    leading: Float[Tensor, "inputs leading"]


class _Reached(Exception):
    """Ends a forward pass once the deepest matrix has been read."""


def own_text() -> str:
    """The auditor's own corpus."""
    return files("emendo.audit").joinpath("text.txt").read_text(encoding="utf-8")


def alignments(
    model: EditableModel,
    directions: Mapping[str, Float[Tensor, "inputs components"]],
    *,
    tokens: int = TOKENS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Alignment]:
    """The alignment of directions with the inputs of the matrices they belong to, in one pass over the text.

    Args:
        model: The base.
        directions: Columns of unit length, by module path.
        tokens: Of the text.
        progress: Called with tokens done and tokens in all.
    """
    if not directions:
        return {}
    ids: list[int] = model.tokenizer(own_text(), add_special_tokens=False, verbose=False)["input_ids"][:tokens]
    width = min(_ROW_TOKENS, model.context_length)
    rows = [ids[at : at + width] for at in range(0, len(ids), width)]
    rows = [row for row in rows if len(row) > 1]
    products = {site: torch.zeros(v.shape[1], v.shape[1], dtype=torch.float64) for site, v in directions.items()}
    traces = dict.fromkeys(directions, 0.0)
    generator = torch.Generator().manual_seed(0)
    tests = {
        site: torch.randn(v.shape[0], 2 * _count_of(v.shape[0]) + _OVERSAMPLING, generator=generator)
        for site, v in directions.items()
    }
    sketches = {site: torch.zeros_like(test) for site, test in tests.items()}
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        batch = TokenBatch.align(model, rows[at : at + _ROWS_AT_ONCE])
        used = batch.attention_mask.bool()
        # The first position is an attention sink with huge norms.
        used[:, 0] = False
        for site, keys in read_inputs(model, batch, list(directions), at=used.flatten().nonzero()[:, 0]):
            along = (keys @ directions[site]).double()
            products[site] += along.T @ along
            traces[site] += float(keys.double().square().sum())
            sketches[site] += keys.T @ (keys @ tests[site])
        if progress is not None:
            progress(min(at + _ROWS_AT_ONCE, len(rows)), len(rows))
    found = {}
    for site, v in directions.items():
        gram = products[site] / (traces[site] / v.shape[0])
        leading = _leading(tests[site], sketches[site])
        found[site] = Alignment(energy=gram.diagonal().float(), gram=gram.float(), leading=leading)
    return found


def _count_of(width: int) -> int:
    return max(1, min(_LEADING, int(_LEADING_SHARE * width)))


def _leading(test: Float[Tensor, "n w"], sketch: Float[Tensor, "n w"]) -> Float[Tensor, "n leading"]:
    """The leading eigenvectors of C ≈ Y (Ωᵀ Y)⁻¹ Yᵀ, with Y = C Ω."""
    y = sketch.double() / sketch.norm()
    # Of a matrix of low rank, the shift keeps the root of what is not there away from zero.
    shift = 1e-9 * y.norm() * torch.eye(y.shape[1], dtype=torch.float64)
    inner = test.double().T @ y
    root = torch.linalg.cholesky((inner + inner.T) / 2 + shift)
    vectors: Tensor = torch.linalg.svd(torch.linalg.solve_triangular(root, y.T, upper=False).T, full_matrices=False)[0]
    return vectors[:, : _count_of(len(y))].float()


def subject_inputs(
    model: EditableModel,
    subjects: Sequence[str],
    directions: Mapping[str, Float[Tensor, "inputs components"]],
    *,
    template: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, tuple[Float[Tensor, "subjects components"], Float[Tensor, " subjects"]]]:
    """The products of the subjects' inputs with some directions, and the inputs' norms, by module path.

    Args:
        model: The base.
        subjects: Names.
        directions: Columns, by module path.
        template: A text with ``{}`` where the subject stands; it is read up to the subject's last token.
        progress: Called with subjects done and subjects in all.
    """
    rows = [_up_to_subject(model, template.replace("{}", subject), subject) for subject in subjects]
    sites = list(directions)
    found = {site: (torch.zeros(len(subjects), v.shape[1]), torch.zeros(len(subjects))) for site, v in directions.items()}
    done = 0
    for chosen, batch, ends in _batches(model, rows, sites):
        for site, keys in read_inputs(model, batch, sites, at=ends):
            found[site][0][chosen] = keys @ directions[site]
            found[site][1][chosen] = keys.norm(dim=1)
        done += len(chosen)
        if progress is not None:
            progress(done, len(rows))
    return found


def _up_to_subject(model: EditableModel, text: str, subject: str) -> list[int]:
    last = subject_spans(model, text, subject)[-1][1]
    ids: list[int] = model.tokenizer(text)["input_ids"]
    return ids[: last + 1]


def _batches(
    model: EditableModel, rows: Sequence[Sequence[int]], sites: Sequence[str]
) -> Iterator[tuple[list[int], TokenBatch | TreeBatch, Tensor]]:
    """Rows a batch, the batch, and where the rows end in it."""
    if rows and sites and reads_alike(model, rows, sites):
        for group in _in_groups(trees(rows), _TREES_AT_ONCE):
            batch = TreeBatch.of(model, group)
            yield list(batch.texts), batch, batch.ends
        return
    for some in _in_groups(sorted(range(len(rows)), key=lambda i: len(rows[i])), _ROWS_OF_SUBJECTS):
        yield some, *_padded(model, [rows[i] for i in some])


def _in_groups(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    remaining = iter(items)
    while group := list(islice(remaining, count)):
        yield group


def reads_alike(model: EditableModel, rows: Sequence[Sequence[int]], sites: Sequence[str]) -> bool:
    """Whether the model reads texts in a tree as it reads them one by one; some of them are, at the deepest module.

    Args:
        model: Any.
        rows: Token ids of the texts.
        sites: Module paths, of which at least one is read last.
    """
    # Neighbours in order share the most; the longest is where a window would show.
    order = sorted(range(len(rows)), key=lambda i: tuple(rows[i]))
    longest = max(order, key=lambda i: len(rows[i]))
    some = [rows[i] for i in (*order[:: max(1, len(order) // _TRIED)][:_TRIED], *order[:_TRIED], longest)]
    tree = TreeBatch.of(model, list(trees(some)))
    padded, ends = _padded(model, [some[i] for i in tree.texts])
    try:
        ours = dict(read_inputs(model, tree, sites, at=tree.ends))
    except (RuntimeError, ValueError):
        # A model that takes no mask of this shape.
        return False
    for site, theirs in read_inputs(model, padded, sites, at=ends):
        off = (ours[site] - theirs).abs().max() / theirs.abs().max().clamp(min=1e-30)
        if not float(off) <= math.sqrt(torch.finfo(model.dtype).eps):
            return False
    return True


def _padded(model: EditableModel, rows: Sequence[Sequence[int]]) -> tuple[TokenBatch, Tensor]:
    batch = TokenBatch.align(model, rows)
    width = batch.input_ids.shape[1]
    return batch, torch.tensor([row * width + end - 1 for row, end in enumerate(batch.ends)])


def read_inputs(
    model: EditableModel, batch: TokenBatch | TreeBatch, sites: Sequence[str], *, at: Tensor | None = None
) -> Iterator[tuple[str, Tensor]]:
    """The inputs of some modules, in float32 on the CPU, of a pass that stops at the last of them.

    Args:
        model: Any.
        batch: What it reads.
        sites: Module paths.
        at: Which tokens, as indices into the batch laid flat; then inputs are tokens × width, else batch × tokens × width.
    """
    seen: dict[str, Tensor] = {}
    shape = batch.input_ids.shape

    def keep(site: str, given: Tensor) -> None:
        # OPT flattens batch and tokens before its MLP.
        whole = given.reshape(*shape, -1) if at is None else given.reshape(shape.numel(), -1)[at.to(given.device)]
        seen[site] = whole.float().cpu()
        if len(seen) == len(sites):
            raise _Reached

    with torch.inference_mode(), _each(model, sites, keep), suppress(_Reached):
        model.network.base_model(**batch.inputs(), use_cache=False)
    yield from seen.items()


@contextmanager
def _each(model: EditableModel, sites: Sequence[str], keep: Callable[[str, Tensor], None]) -> Iterator[None]:
    def hook_of(site: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda _, args: keep(site, args[0])

    with ExitStack() as stack:
        for site in sites:
            stack.callback(model.network.get_submodule(site).register_forward_pre_hook(hook_of(site)).remove)
        yield
