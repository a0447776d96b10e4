"""Fine-tuning of down-projections as an editing method: the engine of the baselines.

    D = argmin  mean over texts, and in each over its target tokens, of −log p_{W + D}(token)          (Adam on D, from D = 0)

W stays frozen and D is a value: a hook adds x Dᵀ to the output of each trained matrix, and what comes out is a delta like any
other, D = U Vᵀ with U = 1 where D is dense. Blocks below the lowest trained layer run once (`KeptStates`).

A batch that has reached its goal takes no step, and training ends with a pass over the texts in which none did. All texts then
meet the goal under one and the same D. Of a group of one batch that is the published rule; groups never see each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emendo.edit.contexts import Context, teaching_contexts
from emendo.edit.job import Groups, Job, Solution
from emendo.edit.settings import MethodSettings
from emendo.facts import EditRequest
from emendo.models import EditableModel, KeptStates, SiteDelta, TokenBatch, WeightDelta, matrix_units

# Texts of similar length that are padded to one width and run as one batch.
_ROWS = 128


@dataclass(frozen=True, kw_only=True)
class FineTuneSettings(MethodSettings):
    """How matrices are trained. The published baselines see the bare completion only, and no end of the sentence.

    Attributes:
        epochs: Most passes over the texts of a group; a step for each batch.
        batch_size: Texts a step; each pass deals them anew.
        learning_rate: Adam's.
    """

    formats: tuple[str, ...] = ("completion",)
    prefixes: tuple[int, ...] = ()
    epochs: int = 25
    batch_size: int = 128
    learning_rate: float = 5e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """The change of one matrix while it is trained.

    Attributes:
        site: Full module path of the down-projection.
        input_factor: V; Dᵀ itself where D is dense.
        output_factor: U; None stands for 1.
    """

    site: str
    input_factor: Float[Tensor, "d_mlp rank"]
    output_factor: Float[Tensor, "d_model rank"] | None = None

    @property
    def parameters(self) -> list[Tensor]:
        """What Adam moves."""
        return [self.input_factor] if self.output_factor is None else [self.input_factor, self.output_factor]

    def hook(self, _: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """The output of the matrix with the change added.

        In float32: autocast would also go on using its copy of a factor after a step has changed it.
        """
        with torch.autocast(output.device.type, enabled=False):
            inputs = args[0].float()
            added = inputs @ self.input_factor.to(inputs.device)
            if self.output_factor is not None:
                added = added @ self.output_factor.T.to(inputs.device)
            return (output.float() + added.to(output.device)).to(output.dtype)

    def as_delta(self) -> SiteDelta:
        """The change as it is now, on the CPU."""
        v = self.input_factor.detach().cpu()
        u = torch.eye(v.shape[1]) if self.output_factor is None else self.output_factor.detach().cpu()
        return SiteDelta(site=self.site, output_factor=u.clone(), input_factor=v.clone())


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What some texts say of their targets.

    Attributes:
        log_p: Log-probability of each target token.
        is_argmax: Whether no token is more likely.
        loss: Mean of −log p over the tokens of a text, and of that over texts.
    """

    log_p: Float[Tensor, " tokens"]
    is_argmax: Bool[Tensor, " tokens"]
    loss: Float[Tensor, ""]


def dense_changes(model: EditableModel, layers: Sequence[int]) -> list[Trained]:
    """D = 0 at the down-projections of some layers, to be trained as a whole."""
    zeros = [torch.zeros(model.d_mlp, model.d_model, device=model.device, requires_grad=True) for _ in layers]
    return [Trained(site=model.down_projection(layer), input_factor=d) for layer, d in zip(layers, zeros, strict=True)]


def fine_tune(
    job: Job,
    groups: Groups,
    settings: FineTuneSettings,
    start: Callable[[torch.Generator], list[Trained]],
    is_done: Callable[[Reading], bool],
    *,
    is_conditioned: bool = True,
    bound: float | None = None,
) -> list[Solution]:
    """A solution for each group, trained as if it were the only one.

    Args:
        job: The computation.
        groups: Requests that are trained together.
        settings: Layers, texts and steps.
        start: Makes the changes of a group as they are before the first step.
        is_done: Whether a batch has reached its goal.
        is_conditioned: Predict each target token after those before it; else all of them from the end of the prompt.
        bound: Largest |Dᵢⱼ|, kept after every step; of dense changes only.
    """
    solutions = []
    for at, group in enumerate(groups):

        def report(epoch: int, at: int = at) -> None:
            job.report(at * settings.epochs + epoch, len(groups) * settings.epochs)

        generator = torch.Generator().manual_seed(job.seed)
        changes = start(generator)
        with matrix_units(job.model):
            texts = Texts(job.model, _contexts(job, group, settings), changes)
            steps = _train(texts, settings, is_done, report, generator, is_conditioned=is_conditioned, bound=bound)
            with torch.no_grad():
                reading = texts.read(range(len(texts)))
        delta = WeightDelta(changes=tuple(change.as_delta() for change in changes))
        figures = {"steps": float(steps), "worst_probability": float(reading.log_p.min().exp()), "loss": float(reading.loss)}
        solutions.append(Solution(delta=delta, figures=figures))
    return solutions


class Texts:
    """The texts of a group, run once without the changes, to be read with them.

    Args:
        model: At the revision that is to be edited.
        contexts: The texts and their targets.
        changes: What is trained.
    """

    def __init__(self, model: EditableModel, contexts: Sequence[Context], changes: Sequence[Trained]) -> None:
        self.model, self.changes = model, changes
        self.contexts = sorted(contexts, key=lambda context: len(context.ids))
        self._first = min(model.layer_of(change.site) for change in changes)
        parts = [self.contexts[at : at + _ROWS] for at in range(0, len(contexts), _ROWS)]
        self._kept = [self._record(part) for part in parts]

    def __len__(self) -> int:
        return len(self.contexts)

    def read(self, chosen: Sequence[int], *, is_conditioned: bool = True) -> Reading:
        """What some of the texts say; gradients flow to the changes.

        Args:
            chosen: Numbers of the texts.
            is_conditioned: As for `fine_tune`. What follows the prompt cannot reach back to its last token, so one and the same
                pass serves both.
        """
        parts: dict[int, list[int]] = {}
        for number in chosen:
            parts.setdefault(number // _ROWS, []).append(number)
        with _in_force(self.model, self.changes):
            read = [self._read_part(part, numbers, is_conditioned) for part, numbers in parts.items()]
        log_p, is_argmax = (torch.cat(column) for column in zip(*read, strict=True))
        sizes = [len(self.contexts[number].target_ids) for numbers in parts.values() for number in numbers]
        weights = torch.tensor([1 / (size * len(sizes)) for size in sizes for _ in range(size)], device=log_p.device)
        return Reading(log_p=log_p, is_argmax=is_argmax, loss=-(log_p * weights).sum())

    def _read_part(self, part: int, numbers: Sequence[int], is_conditioned: bool) -> tuple[Tensor, Tensor]:
        kept, hidden = self._kept[part]
        in_part = [number % _ROWS for number in numbers]
        final = kept.select(in_part).resume(self._first, hidden[in_part])
        rows, columns, tokens = [], [], []
        for row, number in enumerate(numbers):
            context = self.contexts[number]
            for place, token in enumerate(context.target_ids):
                rows.append(row)
                columns.append(len(context.prompt_ids) - 1 + (place if is_conditioned else 0))
                tokens.append(token)
        log_p = self.model.head(final[rows, columns]).log_softmax(dim=-1)
        own = log_p.gather(1, torch.tensor(tokens, device=log_p.device)[:, None])[:, 0]
        return own, own >= log_p.amax(dim=-1)

    def _record(self, contexts: Sequence[Context]) -> tuple[KeptStates, Tensor]:
        """How the blocks are called on some texts, and the residual stream before the lowest trained one."""
        kept = KeptStates.record(self.model, TokenBatch.align(self.model, [context.ids for context in contexts]), 0)
        hidden = kept.resid_pre(self._first)
        # The states of all other layers would take many times the memory, and picking rows of them the time of a block.
        nothing = hidden.new_empty(hidden.shape[0], 0, hidden.shape[2])
        return replace(kept, final=nothing, calls=tuple(replace(call, hidden=nothing) for call in kept.calls)), hidden


def _train(
    texts: Texts,
    settings: FineTuneSettings,
    is_done: Callable[[Reading], bool],
    report: Callable[[int], None],
    generator: torch.Generator,
    *,
    is_conditioned: bool,
    bound: float | None,
) -> int:
    """Train the changes in place; returns how many steps were taken."""
    parameters = [parameter for change in texts.changes for parameter in change.parameters]
    optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate)
    steps = 0
    for epoch in range(settings.epochs):
        before = steps
        dealt = torch.randperm(len(texts), generator=generator).tolist()
        for at in range(0, len(texts), settings.batch_size):
            # In order, so that a group of one batch does not depend on how it was dealt, even by rounding.
            reading = texts.read(sorted(dealt[at : at + settings.batch_size]), is_conditioned=is_conditioned)
            if is_done(reading):
                continue
            optimiser.zero_grad()
            torch.autograd.backward(reading.loss)
            optimiser.step()
            steps += 1
            if bound is not None:
                with torch.no_grad():
                    for parameter in parameters:
                        parameter.clamp_(-bound, bound)
        report(epoch + 1)
        if steps == before:
            break
    report(settings.epochs)
    return steps


def _contexts(job: Job, group: Sequence[EditRequest], settings: FineTuneSettings) -> list[Context]:
    return [
        context
        for request in group
        for context in teaching_contexts(job.model, request, settings.formats, job.prefixes, stop=settings.stop)
    ]


@contextmanager
def _in_force(model: EditableModel, changes: Sequence[Trained]) -> Iterator[None]:
    """While the context lasts, the matrices compute with their changes."""
    with ExitStack() as stack:
        for change in changes:
            handle: Any = model.network.get_submodule(change.site).register_forward_hook(change.hook)
            stack.callback(handle.remove)
        yield
