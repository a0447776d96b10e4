"""The search for δ: its short cuts change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from emendo.edit.contexts import Context, preservation_contexts, teaching_contexts
from emendo.edit.keys_values import ValueSearch, find_values
from emendo.edit.shards import make_shards
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, Site, TokenBatch, matrix_units, patch_activation

SEARCH = ValueSearch(steps=6, learning_rate=0.1, kl_weight=0.5, weight_decay=1e-3, clamp=4.0, worst_probability=0.999)
REQUESTS = [
    EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Los Angeles"),
    EditRequest(fact=Fact.parse("{Texas} and Nevada are far from"), target_new="Berlin"),
]


def _contexts(model: EditableModel, request: EditRequest) -> list[Context]:
    taught = teaching_contexts(model, request, ("completion", "question", "chat"), [], stop=True)
    return [*taught, *preservation_contexts(model, request.fact, chat=True)]


def test_reading_a_shard_equals_full_passes_one_context_at_a_time(any_tiny: EditableModel) -> None:
    model, layer = any_tiny, 1
    contexts = _contexts(model, REQUESTS[0])
    delta = torch.randn(1, model.d_model, generator=torch.Generator().manual_seed(0))
    readings = [shard.read(delta) for shard in make_shards(model, layer, [contexts])]
    found = torch.cat([reading.log_p for reading in readings]).sort().values

    expected, divergences = [], []
    for context in contexts:
        batch = TokenBatch.align(model, [context.ids])
        places = torch.zeros(len(context.ids))
        places[list(context.subject_lasts)] = 1
        change = places[:, None] * delta
        with torch.no_grad():
            before = model.head(model.hidden(batch)[0]).log_softmax(dim=-1)
            with patch_activation(model, Site("value", layer), lambda v, change=change: v + change.reshape(v.shape)):
                after = model.head(model.hidden(batch)[0]).log_softmax(dim=-1)
        last = len(context.prompt_ids) - 1
        expected += [after[last + i, token] for i, token in enumerate(context.target_ids)]
        if not context.target_ids:
            divergences.append((before[last].exp() * (before[last] - after[last])).sum())
    torch.testing.assert_close(found, torch.stack(expected).sort().values, atol=1e-4, rtol=1e-4)
    seen = torch.cat([reading.divergence for reading in readings]).sort().values
    torch.testing.assert_close(seen, torch.stack(divergences).sort().values, atol=1e-4, rtol=1e-4)


def test_weights_add_up_to_one_for_each_request(tiny: EditableModel) -> None:
    shards = make_shards(tiny, 1, [_contexts(tiny, request) for request in REQUESTS])
    total = torch.zeros(2)
    for shard in shards:
        total.index_add_(0, shard.row_owners[shard.targets.rows], shard.weights)
    torch.testing.assert_close(total, torch.ones(2))


def test_requests_in_one_batch_do_not_see_each_other(tiny: EditableModel) -> None:
    contexts = [_contexts(tiny, request) for request in REQUESTS]
    together = find_values(tiny, 1, contexts, SEARCH)
    for alone, joint in zip((find_values(tiny, 1, [c], SEARCH)[0] for c in contexts), together, strict=True):
        torch.testing.assert_close(joint.delta, alone.delta, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(joint.keys, alone.keys, atol=1e-5, rtol=1e-4)


def test_a_request_that_is_done_keeps_its_value_while_the_other_goes_on(tiny: EditableModel) -> None:
    contexts = [_contexts(tiny, request) for request in REQUESTS]
    first, second = (value.worst_probability for value in find_values(tiny, 1, contexts, replace(SEARCH, steps=1)))
    early = replace(SEARCH, steps=10, worst_probability=(first * second) ** 0.5)
    found = find_values(tiny, 1, contexts, early)
    assert found[0].steps != found[1].steps, "both ended at once, so nothing was dropped"
    for own, value in zip(contexts, found, strict=True):
        alone = find_values(tiny, 1, [own], early)[0]
        assert value.steps == alone.steps
        torch.testing.assert_close(value.delta, alone.delta, atol=1e-3, rtol=1e-2)


def test_the_value_never_grows_beyond_the_clamp(tiny: EditableModel) -> None:
    wild = replace(SEARCH, learning_rate=5.0, clamp=0.5)
    (value,) = find_values(tiny, 1, [_contexts(tiny, REQUESTS[0])], wild)
    assert float(value.delta.norm()) <= 0.5 * value.value_norm * (1 + 1e-5)


def test_the_search_ends_when_the_worst_token_is_likely_enough_and_not_before(tiny: EditableModel) -> None:
    contexts = _contexts(tiny, REQUESTS[0])
    goal = find_values(tiny, 1, [contexts], replace(SEARCH, steps=40))[0].worst_probability * 0.5
    (found,) = find_values(tiny, 1, [contexts], replace(SEARCH, steps=40, worst_probability=goal))
    assert found.steps < 40
    (earlier,) = find_values(tiny, 1, [contexts], replace(SEARCH, steps=found.steps, worst_probability=0.999))
    assert earlier.worst_probability < goal <= found.worst_probability
    log_p = torch.cat([shard.read(found.delta[None]).log_p for shard in make_shards(tiny, 1, [contexts])])
    torch.testing.assert_close(float(log_p.min().exp()), found.worst_probability, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_preservation_costs_divergence(tiny: EditableModel, weight: float) -> None:
    (value,) = find_values(tiny, 1, [_contexts(tiny, REQUESTS[0])], replace(SEARCH, steps=20, kl_weight=weight))
    (free,) = find_values(tiny, 1, [_contexts(tiny, REQUESTS[0])], replace(SEARCH, steps=20, kl_weight=0.0))
    assert value.divergence <= free.divergence


def test_reading_with_bf16_units_is_close_to_float32(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    delta = torch.randn(1, tiny.d_model, generator=torch.Generator().manual_seed(0))
    shards = make_shards(tiny, 1, [_contexts(tiny, REQUESTS[0])])
    readings = []
    for capabilities in ({}, {"avx512_bf16": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=capabilities: known)
        with matrix_units(tiny):
            readings.append(torch.cat([shard.read(delta).log_p for shard in shards]))
    assert not torch.equal(*readings), "the units were not used"
    torch.testing.assert_close(*readings, atol=0.1, rtol=0.02)


def test_the_weights_are_back_after_bf16(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    weights = dict(tiny.network.state_dict(keep_vars=True))
    with matrix_units(tiny):
        assert tiny.weight(tiny.down_projection(0)).dtype == torch.bfloat16
    after = tiny.network.state_dict(keep_vars=True)
    assert all(after[name] is weight for name, weight in weights.items())


def test_running_the_prefix_again_and_keeping_it_read_the_same(tiny: EditableModel) -> None:
    delta = torch.randn(1, tiny.d_model, generator=torch.Generator().manual_seed(0))
    kept, whole = (make_shards(tiny, 1, [_contexts(tiny, REQUESTS[0])], keep_prefix=keep) for keep in (True, False))
    for one, other in zip(kept, whole, strict=True):
        assert other.kept.start == 0 < one.kept.start
        torch.testing.assert_close(one.read(delta).log_p, other.read(delta).log_p, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(one.keys, other.keys, atol=1e-4, rtol=1e-4)
