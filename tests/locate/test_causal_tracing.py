"""Causal tracing: the fast procedure is the plain one, and what must hold of any trace holds."""

from __future__ import annotations

import random
import runpy
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from emendo.errors import InvalidRequest, UnknownFact
from emendo.facts import Fact
from emendo.locate import CausalTrace, Kind, trace_fact
from emendo.locate.causal_tracing import embedding_deviation, subject_noise, subject_tokens
from emendo.models import EditableModel, TokenBatch, encode

PLAIN = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "tracing.py"))
KINDS: tuple[Kind, ...] = get_args(Kind)
FACT = Fact.parse("in the {city} of the")


def predicted(model: EditableModel, text: str) -> int:
    with torch.inference_mode():
        batch = TokenBatch.align(model, [encode(model, text)])
        return int(model.head(model.hidden(batch)[0, -1]).argmax())


def assert_cells_equal_the_plain_procedure(model: EditableModel, trace: CausalTrace, cells: int) -> float:
    """Compare some cells of each kind, drawn at random; the greatest effect seen comes back."""
    ids = encode(model, trace.fact.text)
    token = predicted(model, trace.fact.text)
    span = (trace.subject_first, trace.subject_last)
    noise = subject_noise(model, ids, span, noise_samples=trace.noise_samples, noise_scale=3.0, seed=trace.seed)
    greatest = 0.0
    drawn = random.Random(0)
    for kind, effect in trace.effects.items():
        tokens, layers = effect.indirect_effect.shape
        for t, layer in drawn.sample([(t, layer) for t in range(tokens) for layer in range(layers)], cells):
            arguments = {"token": t, "layer": layer, "window": trace.window}
            patched = PLAIN["plain_cell"](model, ids, noise, kind=kind, **arguments)[1:, token].mean()
            assert effect.probability_patched[t, layer] == pytest.approx(float(patched), abs=1e-4), (kind, t, layer)
            greatest = max(greatest, abs(effect.indirect_effect[t, layer]))
    return greatest


def test_every_family_gets_the_values_of_the_plain_procedure(any_tiny: EditableModel) -> None:
    trace = trace_fact(any_tiny, FACT, noise_samples=2, window=2, kinds=KINDS, seed=3)
    assert trace.subject_first > 0
    greatest = assert_cells_equal_the_plain_procedure(any_tiny, trace, cells=5)
    assert greatest > 1e-3, "nothing happens, so nothing was compared"


def test_whole_map_is_that_of_the_plain_procedure(tiny: EditableModel) -> None:
    trace = trace_fact(tiny, FACT, noise_samples=2, window=2, kinds=KINDS)
    for kind, effect in trace.effects.items():
        expected = PLAIN["plain_trace"](
            tiny, FACT, predicted(tiny, FACT.text), kind, window=2, noise_samples=2, seed=trace.seed
        )
        np.testing.assert_allclose(effect.indirect_effect, expected, atol=1e-4, err_msg=kind)


def test_effects_add_up(tiny: EditableModel) -> None:
    trace = trace_fact(tiny, FACT, noise_samples=4, kinds=KINDS)
    first, last = trace.subject_first, len(trace.tokens) - 1
    assert trace.total_effect == pytest.approx(trace.probability_clean - trace.probability_corrupted)
    for effect in trace.effects.values():
        np.testing.assert_allclose(
            effect.probability_patched - effect.indirect_effect, trace.probability_corrupted, atol=1e-6
        )
        assert not effect.indirect_effect[:first].any(), "what comes before the subject is not corrupted"
        assert (effect.standard_error >= 0).all()
    states = trace.effects["states"].indirect_effect
    # After the last block only the last token's state is read, and restoring that restores everything.
    assert states[last, -1] == pytest.approx(trace.total_effect, abs=1e-6)
    np.testing.assert_allclose(states[:last, -1], 0, atol=1e-6)


def test_window_over_all_layers_is_the_same_around_every_layer(tiny: EditableModel) -> None:
    trace = trace_fact(tiny, FACT, noise_samples=2, window=2 * tiny.n_layers, kinds=("mlp",))
    effect = trace.effects["mlp"].indirect_effect
    np.testing.assert_allclose(effect, np.repeat(effect[:, :1], tiny.n_layers, axis=1), atol=1e-6)


def test_severing_changes_nothing_above_the_last_block(tiny: EditableModel) -> None:
    trace = trace_fact(tiny, FACT, noise_samples=2, kinds=KINDS)
    plain = trace.effects["states"].indirect_effect
    for kind in ("states_mlp_severed", "states_attention_severed"):
        severed = trace.effects[kind].indirect_effect
        np.testing.assert_allclose(severed[:, -1], plain[:, -1], atol=1e-6)
        assert np.abs(severed - plain).max() > 1e-4


def test_seed_decides_the_noise(tiny: EditableModel) -> None:
    one, same, other = (trace_fact(tiny, FACT, noise_samples=2, kinds=("states",), seed=seed) for seed in (1, 1, 2))
    assert one.to_dict() == same.to_dict()
    assert one.probability_corrupted != other.probability_corrupted


def test_no_noise_has_no_effect(tiny: EditableModel) -> None:
    trace = trace_fact(tiny, FACT, noise_samples=2, noise_scale=0.0, kinds=("states", "mlp"))
    assert trace.total_effect == pytest.approx(0, abs=1e-6)
    for effect in trace.effects.values():
        np.testing.assert_allclose(effect.indirect_effect, 0, atol=1e-6)


def test_noise_is_three_deviations_of_what_the_embedding_puts_out(any_tiny: EditableModel) -> None:
    with torch.inference_mode():
        everything = any_tiny.embedding(torch.arange(any_tiny.embedding.num_embeddings)).std()
    ids = encode(any_tiny, "The capital of France is")
    assert embedding_deviation(any_tiny, ids) == pytest.approx(float(everything), rel=1e-3)
    noise = subject_noise(any_tiny, ids, (1, 3), noise_samples=400, noise_scale=3.0, seed=0)
    assert float(noise[:, 1:4].std()) == pytest.approx(3 * float(everything), rel=0.02)
    assert not noise[:, :1].any()
    assert not noise[:, 4:].any()


def test_subject_is_where_the_braces_stand(tiny: EditableModel) -> None:
    twice = Fact(subject="Rome", prompt="Romeo left Rome, and {} is in")
    first, last = subject_tokens(tiny, twice)
    ids = encode(tiny, twice.text)
    assert tiny.tokenizer.decode(ids[first : last + 1]).strip() == "Rome"
    assert tiny.tokenizer.decode(ids[:first]).strip() == "Romeo left Rome, and"


def test_a_fact_that_the_model_does_not_know_is_not_traced(tiny: EditableModel) -> None:
    with pytest.raises(UnknownFact, match=r"does not know .* predicts '.*' \(p = 0\.\d+\).*'.*' has p = 0\.\d+"):
        trace_fact(tiny, replace(FACT, target_true="Paris"))
    with pytest.raises(UnknownFact):
        trace_fact(tiny, FACT, target="Paris")


def test_prediction_is_traced_where_nobody_says_what_is_true(tiny: EditableModel) -> None:
    trace = trace_fact(tiny, FACT, noise_samples=2, kinds=("states",))
    assert trace.is_predicted_target
    assert trace.target == tiny.tokenizer.decode([predicted(tiny, FACT.text)])


def test_one_noise_sample_is_refused(tiny: EditableModel) -> None:
    with pytest.raises(InvalidRequest, match="at least 2"):
        trace_fact(tiny, FACT, noise_samples=1)


def test_progress_ends_where_it_said(tiny: EditableModel) -> None:
    calls: list[tuple[int, int]] = []
    trace_fact(tiny, FACT, noise_samples=2, kinds=("states",), progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] == len(calls)


@pytest.mark.real
def test_embedded_model_gets_the_values_of_the_plain_procedure(real: EditableModel) -> None:
    fact = Fact.parse("The capital of {France} is", "Paris")
    trace = trace_fact(real, fact, noise_samples=2, kinds=("states", "mlp", "states_mlp_severed"))
    assert assert_cells_equal_the_plain_procedure(real, trace, cells=6) > 0.01


@pytest.mark.real
def test_embedded_model_says_that_it_does_not_know_the_capital_of_california(real: EditableModel) -> None:
    with pytest.raises(UnknownFact, match="the true answer's first token 'Sac"):
        trace_fact(real, Fact.parse("The capital of {California} is", "Sacramento"))
