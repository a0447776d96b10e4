"""What goes into a matrix: its inputs over a text of the auditor's own, and at the last token of a subject.

    q(v) = vᵀ C v / (‖v‖² tr C / n),      C = E[k kᵀ]

is 1 for a direction that carries as much of the inputs as directions do on average. Training moves weights where inputs have
energy (q far above 1); closed-form edits move along C⁻¹ k, where they have little. vᵀ C v is the mean of (v · k)², so that C itself
is never formed; neither is it taken from the editor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emendo.models import EditableModel, TokenBatch, subject_spans

TOKENS = 4096
_ROW_TOKENS = 256
_ROWS_AT_ONCE = 4
_SUBJECTS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """How some directions lie in the inputs of a matrix.

    Attributes:
        energy: q of each direction.
        gram: Vᵀ C V over the directions V, as a share of tr C / n.
    """

    energy: Float[Tensor, " components"]
    gram: Float[Tensor, "components components"]


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
    traces, n = dict.fromkeys(directions, 0.0), 0
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        batch = TokenBatch.align(model, rows[at : at + _ROWS_AT_ONCE])
        used = batch.attention_mask.bool()
        # The first position is an attention sink with huge norms.
        used[:, 0] = False
        n += int(used.sum())
        for site, seen in read_inputs(model, batch, list(directions)):
            keys = seen[used]
            along = (keys @ directions[site]).double()
            products[site] += along.T @ along
            traces[site] += float(keys.double().square().sum())
        if progress is not None:
            progress(min(at + _ROWS_AT_ONCE, len(rows)), len(rows))
    found = {}
    for site, v in directions.items():
        gram = products[site] / (traces[site] / v.shape[0])
        found[site] = Alignment(energy=gram.diagonal().float(), gram=gram.float())
    return found


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
    order = sorted(range(len(subjects)), key=lambda i: len(subjects[i]))
    found = {site: (torch.zeros(len(subjects), v.shape[1]), torch.zeros(len(subjects))) for site, v in directions.items()}
    for at in range(0, len(order), _SUBJECTS_AT_ONCE):
        chosen = order[at : at + _SUBJECTS_AT_ONCE]
        rows, lasts = [], []
        for i in chosen:
            text = template.replace("{}", subjects[i])
            last = subject_spans(model, text, subjects[i])[-1][1]
            rows.append(model.tokenizer(text)["input_ids"][: last + 1])
            lasts.append(last)
        batch = TokenBatch.align(model, rows)
        index = torch.tensor(lasts)
        for site, seen in read_inputs(model, batch, list(directions)):
            keys = seen[torch.arange(len(chosen)), index]
            found[site][0][chosen] = keys @ directions[site]
            found[site][1][chosen] = keys.norm(dim=1)
        if progress is not None:
            progress(min(at + _SUBJECTS_AT_ONCE, len(order)), len(order))
    return found


def read_inputs(model: EditableModel, batch: TokenBatch, sites: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """The inputs (batch × tokens × width, in float32 on the CPU) of some modules, of a pass that stops at the last of them."""
    seen: dict[str, Tensor] = {}
    with torch.inference_mode(), _captured(model, sites, seen, batch.input_ids.shape), suppress(_Reached):
        model.network.base_model(**batch.inputs(), use_cache=False)
    yield from seen.items()


@contextmanager
def _captured(model: EditableModel, sites: Sequence[str], seen: dict[str, Tensor], shape: torch.Size) -> Iterator[None]:
    def keeper(site: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def keep(_: nn.Module, args: tuple[Any, ...]) -> None:
            # OPT flattens batch and tokens before its MLP.
            seen[site] = args[0].reshape(*shape, -1).float().cpu()
            if len(seen) == len(sites):
                raise _Reached

        return keep

    with ExitStack() as stack:
        for site in sites:
            stack.callback(model.network.get_submodule(site).register_forward_pre_hook(keeper(site)).remove)
        yield
