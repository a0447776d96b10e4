"""Causal tracing: which layer and token carry a fact (Meng et al. 2022, section 2 and appendix B).

Three kinds of run. The *clean* run reads the prompt. The *corrupted* run i adds noise εᵢ ~ N(0, (s·σ)²) to the embeddings of
the subject's tokens, σ being the standard deviation of the model's token embeddings and s = 3. The *patched* run i is the
corrupted run in which one activation, at token t and layer l, is set back to its value in the clean run. With p[target] the
probability of the first token of the target after the prompt,

    total effect            = p_clean − meanᵢ p_corrupted,ᵢ
    indirect effect (t, l)  = meanᵢ (p_patched,ᵢ(t, l) − p_corrupted,ᵢ)

and standard errors are over the noise samples. States are restored one at a time; MLP and attention outputs in windows
around l of 10 layers in GPT-2 XL's 48, and in proportion elsewhere. In the severed variants the MLPs (or attentions) of
token t are held at their corrupted values in all layers above l, so that the restored state acts without them.

The runs share almost everything. A patched run differs from its corrupted run only from token t and from the lowest restored
layer on, so it is resumed there (`KeptStates`), several layers in one batch, and the head reads the last position alone. The
values are those of the plain procedure, which runs everything anew for every token and layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emendo.errors import InvalidRequest, UnknownFact
from emendo.facts import Fact
from emendo.locate.trace import RESTORATIONS, CausalTrace, Effect, Kind, Restoration, trace_window
from emendo.models import EditableModel, KeptStates, Site, TokenBatch, capture, encode, patch_activation, target_ids
from emendo.models.offloaded import stored_tensor

# Tokens (rows × columns) in one batch: enough to keep the matrix products busy, few enough to stay in a processor's cache.
BATCH_TOKENS = 2048


def trace_fact(
    model: EditableModel,
    fact: Fact,
    *,
    target: str | None = None,
    noise_samples: int = 10,
    noise_scale: float = 3.0,
    window: int | None = None,
    kinds: Sequence[Kind] = ("states", "mlp", "attention"),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> CausalTrace:
    """The causal effect of every token and layer on what the model says after a prompt.

    Args:
        model: The model to trace.
        fact: Its prompt; the noise falls on the subject where the braces stand.
        target: What truly follows; the fact's own ``target_true`` unless given, the model's prediction where neither is.
        noise_samples: Corrupted runs, at least 2.
        noise_scale: Standard deviation of the noise over that of the token embeddings.
        window: Layers over which MLP and attention outputs are restored; 10 of 48, in proportion, unless given.
        kinds: What to restore, one map each (see `RESTORATIONS`).
        seed: Seed of the noise.
        progress: Called with how many cells are done, and of how many.

    Raises:
        UnknownFact: The model does not predict the target, so there is nothing to trace.
        InvalidRequest: There are fewer than 2 noise samples.
    """
    if noise_samples < 2:
        raise InvalidRequest(f"A standard error needs at least 2 noise samples, and {noise_samples} was asked for.")
    ids = encode(model, fact.text)
    first, last = subject_tokens(model, fact)
    target = fact.target_true if target is None else target
    with torch.inference_mode():
        clean, logits = _clean_run(model, ids)
        token = _known_token(model, fact, target, logits)
        probability_clean = float(logits.softmax(dim=-1)[token])
        noise = subject_noise(model, ids, (first, last), noise_samples=noise_samples, noise_scale=noise_scale, seed=seed)
        tracer = _Tracer(
            model=model,
            batch=TokenBatch.align(model, [ids] * noise_samples),
            noise=noise,
            clean=clean,
            token=token,
            probability_clean=probability_clean,
            window=trace_window(model.n_layers) if window is None else window,
        )
        corrupted = tracer.corrupted(first)
        # What comes before the subject is the same in all runs: restoring it changes nothing.
        patched = {kind: corrupted.repeat(len(ids), model.n_layers, 1) for kind in kinds}
        done, total = 0, (len(ids) - first) * len(kinds)
        for t in range(first, len(ids)):
            for kind, values in tracer.patched(t, kinds):
                patched[kind][t] = values
                done += 1
                if progress is not None:
                    progress(done, total)
    return CausalTrace(
        fact=fact,
        tokens=tuple(model.tokenizer.decode([i]) for i in ids),
        subject_first=first,
        subject_last=last,
        target=model.tokenizer.decode([token]),
        is_predicted_target=target is None,
        probability_clean=probability_clean,
        probability_corrupted=float(corrupted.mean()),
        total_effect=probability_clean - float(corrupted.mean()),
        total_effect_error=float(corrupted.std() / noise_samples**0.5),
        effects={kind: _effect(values, corrupted) for kind, values in patched.items()},
        window=tracer.window,
        noise_samples=noise_samples,
        noise=noise_scale * embedding_deviation(model, ids),
        seed=seed,
    )


def subject_tokens(model: EditableModel, fact: Fact) -> tuple[int, int]:
    """First and last token index of the subject where the fact's braces stand; other places where it occurs do not count."""
    offsets = model.tokenizer(fact.text, return_offsets_mapping=True)["offset_mapping"]
    start = fact.prompt.index("{}")
    inside = [i for i, (a, b) in enumerate(offsets) if a < start + len(fact.subject) and b > start and b > a]
    return inside[0], inside[-1]


def embedding_deviation(model: EditableModel, ids: Sequence[int]) -> float:
    """σ: the standard deviation of all elements of the token embeddings, as the embedding module puts them out.

    Some modules scale what they look up (Gemma 3); the tokens `ids` show by how much.
    """
    rows = torch.tensor(ids, device=model.device)
    weight = stored_tensor(model.embedding)
    scale = model.embedding(rows).float().norm().cpu() / weight[rows.to(weight.device)].float().norm().cpu()
    return float(weight.float().std().cpu() * scale)


def subject_noise(
    model: EditableModel, ids: Sequence[int], subject: tuple[int, int], *, noise_samples: int, noise_scale: float, seed: int
) -> Float[Tensor, "samples tokens d_embedding"]:
    """What is added to the token embeddings in each corrupted run: noise at the subject's tokens, 0 elsewhere."""
    first, last = subject
    width = model.embedding.embedding_dim
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(noise_samples, last - first + 1, width, generator=generator)
    noise = torch.zeros(noise_samples, len(ids), width)
    noise[:, first : last + 1] = noise_scale * embedding_deviation(model, ids) * drawn
    return noise.to(model.device, model.dtype)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tracer:
    """The runs of one fact.

    Attributes:
        batch: The prompt, once for each noise sample.
        noise: What is added to the token embeddings.
        clean: Activations of the clean run (tokens × d_model).
        token: The target token.
        probability_clean: Its probability in the clean run.
        window: Layers that are restored at once.
    """

    model: EditableModel
    batch: TokenBatch
    noise: Tensor
    clean: dict[Site, Tensor]
    token: int
    probability_clean: float
    window: int

    def corrupted(self, first: int) -> Tensor:
        """p[target] in each corrupted run."""
        return self._probability(self._record(first)[0].final)

    def patched(self, t: int, kinds: Sequence[Kind]) -> Iterator[tuple[Kind, Tensor]]:
        """For each kind, p[target] with token t restored (layers × samples)."""
        kept, held = self._record(t)
        samples, tokens, _ = self.noise.shape
        layers = range(self.model.n_layers)
        size = max(1, BATCH_TOKENS // (samples * (tokens - t)))
        groups = [layers[at : at + size] for at in layers[::size]]
        for kind in kinds:
            restoration = RESTORATIONS[kind]
            values = torch.cat([self._resume(kept, restoration, group, t, held) for group in groups])
            if not restoration.is_windowed and t == tokens - 1:
                # The head reads the last token's state after the last block, and nothing lies between.
                values[-1] = self.probability_clean
            yield kind, values

    def _record(self, t: int) -> tuple[KeptStates, dict[Site, Tensor]]:
        """The corrupted runs, kept from column t on, and their activations at that column (samples × d_model)."""
        with _noisy_embedding(self.model, self.noise), capture(self.model, _sites(self.model)) as seen:
            kept = KeptStates.record(self.model, self.batch, t)
        samples, tokens, _ = self.noise.shape
        return kept, {site: value.view(samples, tokens - t, -1)[:, 0] for site, value in seen.items()}

    def _resume(self, kept: KeptStates, restoration: Restoration, group: range, t: int, held: dict[Site, Tensor]) -> Tensor:
        """p[target] with token t restored at each layer of a group (layers × samples).

        All cells run in one batch, which a cell joins at the lowest block that reads what is restored.
        """
        samples, top = kept.rows, self.model.n_layers
        changes: dict[Site, list[tuple[slice, Tensor]]] = {}
        joins = []
        for cell, layer in enumerate(group):
            rows = slice(cell * samples, (cell + 1) * samples)
            restored = _restored_layers(restoration, layer, self.window, top)
            joins.append(restored.start)
            for site in (Site(restoration.site, at) for at in restored):
                changes.setdefault(site, []).append((rows, self.clean[site][t]))
            if restoration.severed is not None:
                for site in (Site(restoration.severed, above) for above in range(layer + 1, top)):
                    changes.setdefault(site, []).append((rows, held[site]))
        columns = kept.final.shape[1]
        hidden = kept.resid_pre(min(joins[0], top - 1))[:0]
        with _last_mlp_at_last_column(self.model, columns), ExitStack() as stack:
            for site, values in changes.items():
                stack.enter_context(patch_activation(self.model, site, _replace_first_column(values, columns)))
            for block in range(joins[0], top):
                hidden = torch.cat([hidden] + [kept.resid_pre(block)] * joins.count(block))
                hidden = kept.step(block, hidden)
        # No block reads the state after the last one: such a cell has the corrupted run's outcome.
        finals = torch.cat([self.model.finish(hidden[:, -1:])] + [kept.final[:, -1:]] * joins.count(top))
        return self._probability(finals).view(len(group), samples)

    def _probability(self, final: Tensor) -> Tensor:
        return self.model.head(final[:, -1]).softmax(dim=-1)[:, self.token].cpu()


def _clean_run(model: EditableModel, ids: Sequence[int]) -> tuple[dict[Site, Tensor], Tensor]:
    """Activations of the clean run (tokens × d_model), and the logits after the prompt."""
    with capture(model, _sites(model)) as seen:
        logits = model.head(model.hidden(TokenBatch.align(model, [ids]))[0, -1])
    return {site: value.view(len(ids), -1) for site, value in seen.items()}, logits


def _known_token(model: EditableModel, fact: Fact, target: str | None, logits: Tensor) -> int:
    """The token to trace: the model's prediction, which a given target must begin with."""
    predicted = int(logits.argmax())
    if target is not None:
        token, probabilities = target_ids(model, target)[0], logits.softmax(dim=-1)
        if token != predicted:
            said, true = (model.tokenizer.decode([i]).strip() for i in (predicted, token))
            raise UnknownFact(
                f"The model does not know that '{fact.text}' goes on with '{target}': it predicts '{said}' "
                f"(p = {float(probabilities[predicted]):.3f}), and the true answer's first token '{true}' has "
                f"p = {float(probabilities[token]):.3f}; leave the target out to trace the prediction."
            )
    return predicted


def _sites(model: EditableModel) -> list[Site]:
    kinds = dict.fromkeys(restoration.site for restoration in RESTORATIONS.values())
    return [Site(kind, layer) for layer in range(model.n_layers) for kind in kinds]


def _restored_layers(restoration: Restoration, layer: int, window: int, n_layers: int) -> range:
    """Layers at which the site is restored: the window around a layer, or the block that reads the layer's state."""
    if restoration.is_windowed:
        return range(max(0, layer - window // 2), min(n_layers, layer + (window + 1) // 2))
    return range(layer + 1, min(layer + 2, n_layers))


def _replace_first_column(values: Sequence[tuple[slice, Tensor]], columns: int) -> Callable[[Tensor], Tensor]:
    def replace(activation: Tensor) -> Tensor:
        # OPT flattens batch and tokens before its MLP.
        replaced = activation.reshape(-1, columns, activation.shape[-1]).clone()
        for cells, value in values:
            replaced[cells, 0] = value
        return replaced.view_as(activation)

    return replace


@contextmanager
def _last_mlp_at_last_column(model: EditableModel, columns: int) -> Iterator[None]:
    """While the context lasts, the last block's MLP works at the last column only: the rest is not read."""
    mlp = model.blocks[-1].get_submodule(model.architecture.mlp)
    shape = torch.Size()

    def narrow(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal shape
        shape = args[0].shape
        return (args[0].reshape(-1, columns, shape[-1])[:, -1:], *args[1:])

    def widen(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return torch.nn.functional.pad(output, (0, 0, columns - 1, 0)).view(*shape[:-1], -1)

    before, after = mlp.register_forward_pre_hook(narrow), mlp.register_forward_hook(widen)
    try:
        yield
    finally:
        before.remove()
        after.remove()


@contextmanager
def _noisy_embedding(model: EditableModel, noise: Tensor) -> Iterator[None]:
    """While the context lasts, one pass over the prompt has noise on its embeddings, however many pieces it comes in."""
    done = 0

    def add(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        nonlocal done
        piece = noise[:, done : done + output.shape[1]]
        done += output.shape[1]
        return output + piece.to(output.device)

    handle = model.embedding.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _effect(patched: Tensor, corrupted: Tensor) -> Effect:
    gain = (patched - corrupted).double()
    return Effect(
        indirect_effect=gain.mean(dim=-1).numpy(),
        standard_error=(gain.std(dim=-1) / gain.shape[-1] ** 0.5).numpy(),
        probability_patched=patched.double().mean(dim=-1).numpy(),
    )
