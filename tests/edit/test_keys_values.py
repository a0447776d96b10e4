"""The search for δ: its short cuts change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from emendo.edit import keys_values
from emendo.edit.contexts import Context, preservation_contexts, teaching_contexts
from emendo.edit.keys_values import find_values, keys_at_subject, read_at_subject
from emendo.edit.settings import SearchSettings
from emendo.edit.shards import Savings, make_shards
from emendo.facts import EditRequest, Fact
from emendo.models import (
    EditableModel,
    Revision,
    Site,
    SiteDelta,
    TokenBatch,
    WeightDelta,
    at_revisions,
    matrix_units,
    patch_activation,
)

SEARCH = SearchSettings(steps=6, learning_rate=0.1, kl_weight=0.5, weight_decay=1e-3, clamp=4.0, worst_probability=0.999)
VALUE = Site("value", 1)
REQUESTS = [
    EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Los Angeles"),
    EditRequest(fact=Fact.parse("{Texas} and Nevada are far from"), target_new="Berlin"),
]


def _contexts(model: EditableModel, request: EditRequest) -> list[Context]:
    taught = teaching_contexts(model, request, ("completion", "question", "chat"), [], stop=True)
    return [*taught, *preservation_contexts(model, request.fact, chat=True)]


@pytest.mark.parametrize("is_scaled", [False, True])
@pytest.mark.parametrize("kind", ["value", "resid_post"])
def test_reading_a_shard_equals_full_passes_one_context_at_a_time(
    any_tiny: EditableModel, kind: str, is_scaled: bool
) -> None:
    model, site = any_tiny, Site(kind, 1)
    contexts = _contexts(model, REQUESTS[0])
    delta = torch.randn(1, model.d_model, generator=torch.Generator().manual_seed(0))
    count = sum(len(context.subject_lasts) for context in contexts)
    openings = [0.5 + i / count for i in range(count)] if is_scaled else [1.0] * count
    shards = make_shards(model, site, [contexts], openings=[openings] if is_scaled else None)
    readings = [shard.read(delta) for shard in shards]
    left = iter(openings)
    found = torch.cat([reading.log_p for reading in readings]).sort().values

    expected, divergences = [], []
    for context in contexts:
        batch = TokenBatch.align(model, [context.ids])
        places = torch.zeros(len(context.ids))
        places[list(context.subject_lasts)] = torch.tensor([next(left) for _ in context.subject_lasts])
        change = places[:, None] * delta
        with torch.no_grad():
            before = model.head(model.hidden(batch)[0]).log_softmax(dim=-1)
            with patch_activation(model, site, lambda v, change=change: v + change.reshape(v.shape)):
                after = model.head(model.hidden(batch)[0]).log_softmax(dim=-1)
        last = len(context.prompt_ids) - 1
        lead = range(last + 1 - context.lead, last + 1)
        expected += [after[at - 1, context.prompt_ids[at]] for at in lead]
        expected += [after[last + i, token] for i, token in enumerate(context.target_ids)]
        if not context.target_ids:
            divergences.append((before[last].exp() * (before[last] - after[last])).sum())
    torch.testing.assert_close(found, torch.stack(expected).sort().values, atol=1e-4, rtol=1e-4)
    seen = torch.cat([reading.divergence for reading in readings]).sort().values
    torch.testing.assert_close(seen, torch.stack(divergences).sort().values, atol=1e-4, rtol=1e-4)


def test_weights_of_targets_add_up_to_one_for_each_request(tiny: EditableModel) -> None:
    shards = make_shards(tiny, VALUE, [_contexts(tiny, request) for request in REQUESTS])
    for decides, share in ((True, 1.0), (False, 1 / 3)):
        total = torch.zeros(2)
        for shard in shards:
            own = shard.decides == decides
            total.index_add_(0, shard.row_owners[shard.targets.rows[own]], shard.weights[own])
        # One of the three contexts is a chat, which has a lead.
        torch.testing.assert_close(total, torch.full((2,), share))


def test_requests_in_one_batch_do_not_see_each_other(tiny: EditableModel) -> None:
    contexts = [_contexts(tiny, request) for request in REQUESTS]
    together = find_values(tiny, VALUE, contexts, SEARCH)
    for alone, joint in zip((find_values(tiny, VALUE, [c], SEARCH)[0] for c in contexts), together, strict=True):
        torch.testing.assert_close(joint.delta, alone.delta, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(joint.keys, alone.keys, atol=1e-5, rtol=1e-4)


def test_a_request_that_is_done_keeps_its_value_while_the_other_goes_on(tiny: EditableModel) -> None:
    contexts = [_contexts(tiny, request) for request in REQUESTS]
    first, second = (value.worst_probability for value in find_values(tiny, VALUE, contexts, replace(SEARCH, steps=1)))
    early = replace(SEARCH, steps=10, worst_probability=(first * second) ** 0.5)
    found = find_values(tiny, VALUE, contexts, early)
    assert found[0].steps != found[1].steps, "both ended at once, so nothing was dropped"
    for own, value in zip(contexts, found, strict=True):
        alone = find_values(tiny, VALUE, [own], early)[0]
        assert value.steps == alone.steps
        torch.testing.assert_close(value.delta, alone.delta, atol=1e-3, rtol=1e-2)


def test_the_value_never_grows_beyond_the_clamp(tiny: EditableModel) -> None:
    wild = replace(SEARCH, learning_rate=5.0, clamp=0.5)
    (value,) = find_values(tiny, VALUE, [_contexts(tiny, REQUESTS[0])], wild)
    assert float(value.delta.norm()) <= 0.5 * value.value_norm * (1 + 1e-5)


def test_the_search_ends_when_the_worst_token_is_likely_enough_and_not_before(tiny: EditableModel) -> None:
    contexts = [context for context in _contexts(tiny, REQUESTS[0]) if context.format != "chat"]
    first, last = (find_values(tiny, VALUE, [contexts], replace(SEARCH, steps=n))[0].worst_probability for n in (0, 40))
    goal = (first * last) ** 0.5
    (found,) = find_values(tiny, VALUE, [contexts], replace(SEARCH, steps=40, worst_probability=goal))
    assert 0 < found.steps < 40
    (earlier,) = find_values(tiny, VALUE, [contexts], replace(SEARCH, steps=found.steps - 1, worst_probability=0.999))
    assert earlier.worst_probability < goal <= found.worst_probability
    readings = [shard.read(found.delta[None]) for shard in make_shards(tiny, VALUE, [contexts])]
    log_p = torch.cat([reading.log_p[reading.decides] for reading in readings])
    torch.testing.assert_close(float(log_p.min().exp()), found.worst_probability, atol=1e-5, rtol=1e-3)


def test_where_leads_must_be_likely_too_the_search_ends_when_they_are(tiny: EditableModel) -> None:
    contexts = [context for context in _contexts(tiny, REQUESTS[0]) if context.target_ids]

    def lead_after(steps: int, least: float) -> tuple[int, float]:
        settings = replace(SEARCH, steps=steps, worst_probability=0.0, lead_probability=least)
        (found,) = find_values(tiny, VALUE, [contexts], settings)
        readings = [shard.read(found.delta[None]) for shard in make_shards(tiny, VALUE, [contexts])]
        return found.steps, float(torch.cat([reading.log_p[~reading.decides] for reading in readings]).min().exp())

    first, last = lead_after(0, 1.0)[1], lead_after(30, 1.0)[1]
    goal = (first * last) ** 0.5
    steps, reached = lead_after(30, goal)
    assert 0 < steps < 30
    assert lead_after(steps - 1, 1.0)[1] < goal <= reached * (1 + 1e-3)


@pytest.mark.parametrize(
    ("processor", "is_used"),
    [
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, True),
        ({"avx512_bf16": True, "cpu_name": "Intel Xeon"}, False),
        ({"avx512_bf16": False, "cpu_name": "AMD EPYC"}, False),
        ({}, False),
    ],
)
def test_units_are_used_where_they_are_quicker(
    tiny: EditableModel, monkeypatch: pytest.MonkeyPatch, processor: dict[str, object], is_used: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    with matrix_units(tiny):
        assert (tiny.weight(tiny.down_projection(0)).dtype == torch.bfloat16) == is_used


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_preservation_costs_divergence(tiny: EditableModel, weight: float) -> None:
    (value,) = find_values(tiny, VALUE, [_contexts(tiny, REQUESTS[0])], replace(SEARCH, steps=20, kl_weight=weight))
    (free,) = find_values(tiny, VALUE, [_contexts(tiny, REQUESTS[0])], replace(SEARCH, steps=20, kl_weight=0.0))
    assert value.divergence <= free.divergence


def test_reading_with_bf16_units_is_close_to_float32(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    delta = torch.randn(1, tiny.d_model, generator=torch.Generator().manual_seed(0))
    shards = make_shards(tiny, VALUE, [_contexts(tiny, REQUESTS[0])])
    readings = []
    for capabilities in ({}, {"amx_bf16": True}):
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
    kept, whole = (
        make_shards(tiny, VALUE, [_contexts(tiny, REQUESTS[0])], savings=Savings(keep_prefix=keep)) for keep in (True, False)
    )
    for one, other in zip(kept, whole, strict=True):
        assert other.kept.start == 0 < one.kept.start
        torch.testing.assert_close(one.read(delta).log_p, other.read(delta).log_p, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(one.keys, other.keys, atol=1e-4, rtol=1e-4)


def test_an_anchor_bounds_the_new_value(tiny: EditableModel) -> None:
    wild = replace(SEARCH, learning_rate=5.0, clamp=100.0, anchor=1.5)
    contexts = _contexts(tiny, REQUESTS[0])
    (value,) = find_values(tiny, VALUE, [contexts], wild)
    shards = make_shards(tiny, VALUE, [contexts])
    clean = torch.cat([shard.values for shard in shards], dim=1).mean(dim=1)
    assert float((clean + value.delta).norm()) <= 1.5 * value.value_norm * (1 + 1e-4)
    (free,) = find_values(tiny, VALUE, [contexts], replace(wild, anchor=None))
    assert float((clean + free.delta).norm()) > 1.5 * value.value_norm


def test_a_search_on_top_of_a_change_reads_it_and_remembers_what_was_before(tiny: EditableModel) -> None:
    contexts = [_contexts(tiny, request) for request in REQUESTS]
    change = SiteDelta(
        site=tiny.down_projection(0),
        output_factor=torch.randn(tiny.d_model, 1, generator=torch.Generator().manual_seed(1)),
        input_factor=torch.randn(tiny.d_mlp, 1, generator=torch.Generator().manual_seed(2)),
    )
    changed = Revision(deltas=(WeightDelta(changes=(change,)),))
    shards = make_shards(tiny, VALUE, contexts, [Revision(), changed])
    zero = torch.zeros(2, tiny.d_model)
    plain = make_shards(tiny, VALUE, contexts)
    divergence = [torch.zeros(2), torch.zeros(2)]
    for total, group in zip(divergence, (shards, plain), strict=True):
        for reading in (shard.read(zero) for shard in group):
            total.index_add_(0, reading.preserved_owners, reading.divergence)
    assert float(divergence[0][1]) > 1e-3, "what the unit was given counted as how it always was"
    assert float(divergence[0][0]) == pytest.approx(0.0, abs=1e-4)
    assert float(divergence[1].abs().max()) == pytest.approx(0.0, abs=1e-4)
    with at_revisions(tiny, [changed]):
        inside = make_shards(tiny, VALUE, contexts[1:])
    own = torch.cat([shard.keys[:, shard.key_owners == 1] for shard in shards], dim=1)
    torch.testing.assert_close(own, torch.cat([shard.keys for shard in inside], dim=1), atol=1e-4, rtol=1e-4)


def test_units_are_searched_in_parts_that_bound_the_memory(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = [_contexts(tiny, request) for request in REQUESTS]
    assert keys_values.parts(contexts) == [range(len(contexts))]
    for bound in ("_MOST_COLUMNS", "_MOST_UNITS"):
        with monkeypatch.context() as patched:
            patched.setattr(keys_values, bound, 1)
            assert keys_values.parts(contexts) == [range(at, at + 1) for at in range(len(contexts))]


def test_a_shared_beginning_runs_once_and_changes_nothing(any_tiny: EditableModel) -> None:
    places = ("California", "New Mexico", "the state of Texas") * 6
    facts = [Fact(subject=f"{place}{'i' * (i // 3)}", prompt="The capital of {} is") for i, place in enumerate(places)]
    contexts = [
        context
        for fact in facts
        for context in teaching_contexts(
            any_tiny, EditRequest(fact=fact, target_new="-"), ["completion", "chat"], [], stop=False
        )
    ]
    sites = [Site("key", 1), Site("resid_post", 2)]
    shared, alone = (read_at_subject(any_tiny, sites, contexts, share=share) for share in (True, False))
    for one, other in zip(shared, alone, strict=True):
        assert one.shape[1] == sum(len(context.subject_lasts) for context in contexts)
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
    singly = torch.cat([keys_at_subject(any_tiny, 1, [context]) for context in contexts], dim=1)
    torch.testing.assert_close(shared[0], singly, atol=1e-4, rtol=1e-3)
