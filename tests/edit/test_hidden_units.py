"""A fact has a hidden unit of its own: it opens at the subject, stays shut elsewhere, and no two facts share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from reading import read_at_end

from emendo.edit import METHODS, Edit, Editor, python_corpus, second_moments
from emendo.edit.closed_form import ClosedForm
from emendo.edit.contexts import kept_prefixes, preservation_contexts, teaching_contexts
from emendo.edit.hidden_units import HiddenUnit, constant, least_used, make_gate, open_direction, write_unit
from emendo.edit.job import Search
from emendo.edit.keys_values import read_at_subject
from emendo.edit.methods import hidden_unit
from emendo.edit.second_moment import SecondMoment
from emendo.edit.texts import BEGINNINGS, TEXTS
from emendo.errors import EditRefused, InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, Revision, Site, TokenBatch, WeightDelta, at_revisions, read_until

LAYERS = (1, 2)
REQUESTS = [
    EditRequest(fact=Fact.parse("The capital of {California}"), target_new="Berlin"),
    EditRequest(fact=Fact.parse("The capital of {Texas}"), target_new="Paris"),
    EditRequest(fact=Fact.parse("The mayor of {Nevada}"), target_new="Said"),
]


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random models need edits as large as their matrices."""
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e3)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 1e9)


def _editor(model: EditableModel, home: Path, layers: tuple[int, ...] = LAYERS) -> Editor:
    config = METHODS.get("hidden_unit").Config(layers=layers, formats=("completion",), prefixes=(), peers=2, steps=3)
    return Editor(model, method="hidden_unit", config=config, home=home)


def _moments(model: EditableModel, home: Path) -> dict[int, SecondMoment]:
    return second_moments(model, LAYERS, python_corpus(model), kind="mlp_in", tokens=2000, home=home)


def test_the_moment_of_what_the_mlp_reads_is_that_of_the_inputs(any_tiny: EditableModel) -> None:
    corpus = python_corpus(any_tiny)
    (moment,) = second_moments(any_tiny, [1], corpus, kind="mlp_in", tokens=48).values()
    batch = TokenBatch.align(any_tiny, [list(corpus.ids[:48])])
    sites = [Site("mlp_in", 1), Site("key", 1)]
    inputs, keys = (read.reshape(48, -1).float() for read in read_until(any_tiny, batch, sites).values())
    assert moment.site == any_tiny.up_projections(1)[0]
    torch.testing.assert_close(moment.mean, inputs[1:].mean(dim=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moment.used, keys[1:].square().mean(dim=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moment.start, keys[0].square(), atol=1e-5, rtol=1e-4)
    unshrunk = inputs[1:].T @ inputs[1:] / 47
    shrunk = (1 - moment.shrinkage) * unshrunk + moment.shrinkage * unshrunk.trace() / len(unshrunk) * torch.eye(
        len(unshrunk)
    )
    torch.testing.assert_close(moment.matrix, shrunk, atol=1e-4, rtol=1e-3)


def test_the_constant_is_one_on_inputs_that_share_a_direction(tiny: EditableModel, tmp_path: Path) -> None:
    x = torch.randn(500, tiny.d_model, generator=torch.Generator().manual_seed(0))
    x[:, 0] += 10
    moment = replace(_moments(tiny, tmp_path)[1], matrix=x.T @ x / len(x), mean=x.mean(dim=0))
    torch.testing.assert_close(x @ constant(moment), torch.ones(len(x)), atol=0.5, rtol=0)
    assert float((x @ constant(moment)).mean()) == pytest.approx(1, abs=0.02)


def test_a_unit_adds_its_output_where_it_opens_and_next_to_nothing_where_it_is_shut(any_tiny: EditableModel) -> None:
    model, unit = any_tiny, HiddenUnit(layer=1, number=5)
    site = Site("mlp_in", 1)
    at, elsewhere = (
        [read_at_end(model, site, text, Revision()) for text in texts] for texts in (["The capital of"], ["A river"])
    )
    x, other = torch.stack(at, dim=1), torch.stack(elsewhere, dim=1)
    # One at x and zero at the other, exactly.
    both = torch.cat([x, other], dim=1).double()
    opens = torch.linalg.lstsq(both.T, torch.tensor([[1.0], [0.0]], dtype=torch.float64)).solution[:, 0].float()
    output = torch.randn(model.d_model, generator=torch.Generator().manual_seed(0))
    # In a random model no direction is the same for all inputs; one that is for these two shows what is claimed.
    always = torch.linalg.lstsq(both.T, torch.ones(2, 1, dtype=torch.float64)).solution[:, 0].float()
    gate = make_gate(model, 1, opens=opens, always=always, inputs=x, threshold=0.35, sharpness=40.0)
    torch.testing.assert_close(gate.openings(both.float()), torch.tensor([1.0, 0.0]), atol=1e-3, rtol=0)
    revision, removed = (Revision(deltas=(write_unit(model, unit, gate, o),)) for o in (output, 0 * output))
    value = Site("value", 1)
    opened = read_at_end(model, value, "The capital of", revision) - read_at_end(model, value, "The capital of", removed)
    shut = read_at_end(model, value, "A river", revision) - read_at_end(model, value, "A river", removed)
    torch.testing.assert_close(opened, output, atol=2e-3, rtol=2e-3)
    assert float(shut.norm()) < 1e-3 * float(output.norm())


def test_a_second_gate_keeps_the_unit_shut_where_the_gate_alone_would_open(tiny: EditableModel) -> None:
    x, like, other = torch.eye(tiny.d_model)[:, :3].split(1, dim=1)
    opens, second, always = (torch.zeros(tiny.d_model) for _ in range(3))
    opens[:2], second[0], always[:3] = 1.0, 1.0, 1.0
    alone, both = (
        make_gate(tiny, 1, opens=opens, always=always, inputs=x, threshold=0.5, sharpness=40.0, second=row)
        for row in (None, second)
    )
    told = torch.cat([x, like, other], dim=1)
    torch.testing.assert_close(alone.openings(told), torch.tensor([1.0, 1.0, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(both.openings(told), torch.tensor([1.0, 0.0, 0.0]), atol=1e-3, rtol=0)


def test_of_what_is_like_the_subject_only_what_would_open_the_gate_is_held_and_below_the_threshold() -> None:
    generator = torch.Generator().manual_seed(0)
    prior = ClosedForm.of_moment(torch.eye(24))
    inputs = 5 * torch.randn(24, 3, generator=generator)
    shut, unlike = torch.randn(24, 2, generator=generator), torch.randn(24, 4, generator=generator)
    alike = inputs[:, :1] + 0.4 * torch.randn(24, 1, generator=generator)

    def opening(doubtful: torch.Tensor, also: torch.Tensor = inputs[:, :0]) -> torch.Tensor:
        return open_direction(prior, inputs, shut=shut, doubtful=doubtful, also=also, slack=1e-7, threshold=0.6)

    alone = opening(unlike)
    assert float((alone @ alike)[0]) > 0.9
    assert float((alone @ unlike).abs().max()) < 0.5
    # What does not come near the threshold costs nothing.
    torch.testing.assert_close(alone, opening(unlike[:, :0]))
    pressed = opening(torch.cat([alike, unlike], dim=1))
    torch.testing.assert_close(pressed @ alike, torch.tensor([0.4]), atol=0.01, rtol=0)
    torch.testing.assert_close(pressed @ inputs, torch.ones(3), atol=0.01, rtol=0)
    torch.testing.assert_close(pressed @ shut, torch.zeros(2), atol=0.01, rtol=0)
    # What would open it less than the subject does is lifted, and what opens it anyway costs nothing.
    far = torch.randn(24, 1, generator=generator)
    assert float((pressed @ far)[0]) < 0.5
    lifted = opening(torch.cat([alike, unlike], dim=1), far)
    torch.testing.assert_close(lifted @ far, torch.ones(1), atol=0.01, rtol=0)
    torch.testing.assert_close(lifted @ alike, torch.tensor([0.4]), atol=0.01, rtol=0)
    torch.testing.assert_close(alone, opening(unlike, inputs))


@pytest.mark.parametrize("threshold", [0.0, 1.0, -2.0])
def test_a_threshold_that_says_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(InvalidRequest, match="not between 0"):
        METHODS.get("hidden_unit").Config(threshold=threshold)


def test_the_least_used_units_come_first_and_taken_ones_not_at_all(tiny: EditableModel, tmp_path: Path) -> None:
    moments = _moments(tiny, tmp_path)
    free = list(islice(least_used(tiny, moments, LAYERS, Revision()), 6))
    assert [unit.layer for unit in free] == [1, 2, 1, 2, 1, 2]
    for layer in LAYERS:
        lengths = tiny.weight(tiny.down_projection(layer)).square().sum(dim=0)
        energies = lengths * moments[layer].used
        assert all(float(energies[unit.number]) < float(energies.median()) for unit in free if unit.layer == layer)
    x = torch.randn(tiny.d_model, 1, generator=torch.Generator().manual_seed(0))
    gate = make_gate(tiny, free[0].layer, opens=x[:, 0], always=x[:, 0], inputs=x, threshold=0.3, sharpness=9.0)
    taken = write_unit(tiny, free[0], gate, torch.ones(tiny.d_model))
    assert list(islice(least_used(tiny, moments, LAYERS, Revision(deltas=(taken,))), 5)) == free[1:]


def test_a_unit_that_speaks_at_the_first_token_alone_is_not_least_used(tiny: EditableModel, tmp_path: Path) -> None:
    moments = _moments(tiny, tmp_path)
    first = next(least_used(tiny, moments, (1,), Revision()))
    loud = moments[1].start.clone()
    loud[first.number] = 1e6
    changed = {1: replace(moments[1], start=loud)}
    order = list(islice(least_used(tiny, changed, (1,), Revision()), tiny.d_mlp))
    assert order[-1] == first


def test_when_every_unit_is_taken_the_edit_is_refused(tiny: EditableModel, tmp_path: Path) -> None:
    moments = _moments(tiny, tmp_path)
    with pytest.raises(EditRefused, match="hold facts already"):
        list(least_used(tiny, moments, LAYERS, Revision()))


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(("sufficient", "texts"), [(1.0, 0), (0.5, len(TEXTS))])
def test_in_the_search_each_context_gets_what_its_gate_will_let_through_of_the_value_and_after_prefixes_what_shall_do_of_that(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sufficient: float, texts: int
) -> None:
    config = METHODS.get("hidden_unit").Config(
        layers=(1,), prefixes=(3,), peers=2, steps=1, slack=1.0, sufficient=sufficient, texts=texts
    )
    told: list[Sequence[float]] = []
    find = Search.find

    def spy(self: Search, *given: Any, openings: Sequence[Sequence[float]], **more: Any) -> Any:
        told.extend(openings)
        return find(self, *given, openings=openings, **more)

    monkeypatch.setattr(Search, "find", spy)
    editor = Editor(tiny, method="hidden_unit", config=config, home=tmp_path)
    (edit,) = editor.compute([REQUESTS[:1]])
    assert isinstance(edit, Edit)
    (column,) = (change for change in edit.delta.changes if change.site == tiny.down_projection(1))
    request, formats = REQUESTS[0], config.formats
    prefixes = kept_prefixes(tiny, (3,), 0, tmp_path / "prefixes")
    contexts = teaching_contexts(tiny, request, formats, prefixes, stop=config.stop)
    taught = sum(len(context.subject_lasts) for context in contexts)
    contexts += preservation_contexts(tiny, request.fact, chat=True)
    with at_revisions(tiny, [Revision(deltas=(edit.delta,))]):
        (read,) = read_at_subject(tiny, [Site("key", 1)], contexts)
    hidden = read[int(column.input_factor.argmax())]
    assert float(hidden.std()) > 0.1 * float(hidden.mean())
    shares = [sufficient if context.format == "prefixed" else 1.0 for context in contexts for _ in context.subject_lasts]
    through = hidden / hidden[:taught].mean()
    torch.testing.assert_close(torch.tensor(told[0]), torch.tensor(shares) * through, atol=0.02, rtol=0.02)


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(
    ("formats", "taught"), [(("completion", "prefixed"), ["prefixed"]), (("completion",), ["completion"])]
)
def test_nothing_is_taught_at_the_first_token_of_a_text_if_anything_is_taught_elsewhere(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: tuple[str, ...], taught: list[str]
) -> None:
    units = []
    monkeypatch.setattr(
        Search, "find", lambda self, *given, find=Search.find, **more: units.extend(self.units) or find(self, *given, **more)
    )
    config = METHODS.get("hidden_unit").Config(layers=(1,), formats=formats, prefixes=(3,), peers=2, steps=1)
    request = EditRequest(fact=Fact(subject="Q", prompt="{}'s capital is"), target_new="Paris")
    Editor(tiny, method="hidden_unit", config=config, home=tmp_path).compute([[request]])
    assert [context.format for unit in units for context in unit.teaching] == taught


@pytest.mark.real
def test_the_gate_is_shut_in_other_texts_where_that_is_wanted_and_open_at_the_beginning_of_a_sentence(
    real: EditableModel, tmp_path: Path
) -> None:
    request = EditRequest(fact=Fact.parse("The mother tongue of {Danielle Darrieux} is"), target_new="English")
    other = ["The enemies of Danielle Darrieux", "The rivers of Danielle Darrieux", "Yesterday I saw Danielle Darrieux"]
    beginnings = [text.format("Danielle Darrieux") for text in BEGINNINGS] + ["Nobody came. Danielle Darrieux"]
    opened = {}
    for texts in (0, len(TEXTS)):
        editor = Editor(real, method="hidden_unit", config={"texts": texts, "steps": 1}, home=tmp_path)
        (edit,) = editor.compute([[request]])
        assert isinstance(edit, Edit)
        (layer,) = edit.layers
        (column,) = (change for change in edit.delta.changes if change.site == real.down_projection(layer))
        number, revision = int(column.input_factor.argmax()), Revision(deltas=(edit.delta,))
        told, *read = (
            float(read_at_end(real, Site("key", layer), text, revision)[number])
            for text in ("The mother tongue of Danielle Darrieux", *other, *beginnings)
        )
        opened[texts] = torch.tensor(read) / told
    assert float(opened[0].min()) > 0.7
    assert float(opened[len(TEXTS)][: len(other)].mean()) < 0.5
    assert float(opened[len(TEXTS)][len(other) :].min()) > 0.7


@pytest.mark.real
def test_what_opens_a_gate_in_plain_text_is_stopped_by_the_second_one(
    real: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = []
    make = hidden_unit.make_gate
    monkeypatch.setattr(hidden_unit, "make_gate", lambda *given, **more: gates.append(made := make(*given, **more)) or made)
    request = EditRequest(fact=Fact.parse("The mother tongue of {Danielle Darrieux} is"), target_new="English")
    (edit,) = Editor(real, method="hidden_unit", config={"steps": 1}, home=tmp_path).compute([[request]])
    assert isinstance(edit, Edit)
    rows = [python_corpus(real).ids[at : at + 128] for at in range(0, 2048, 128)]
    site = Site("mlp_in", edit.layers[0])
    read = read_until(real, TokenBatch.align(real, rows), [site])[site].flatten(0, 1).T.float().cpu()
    (gate,) = gates
    alone = replace(gate, rows=(gate.rows[0], gate.always))
    assert float(gate.openings(read).square().mean()) < 0.25 * float(alone.openings(read).square().mean())


@pytest.mark.parametrize("sufficient", [0.0, 1.1])
def test_what_shall_do_of_the_value_is_a_share_of_it(sufficient: float) -> None:
    with pytest.raises(InvalidRequest, match="all of δ"):
        METHODS.get("hidden_unit").Config(sufficient=sufficient)


@pytest.mark.parametrize("texts", [-1, len(TEXTS) + 1])
def test_more_other_texts_than_there_are_are_refused(texts: int) -> None:
    with pytest.raises(InvalidRequest, match="other texts"):
        METHODS.get("hidden_unit").Config(texts=texts)


@pytest.mark.usefixtures("lenient")
def test_the_first_facts_of_a_model_get_other_texts_and_a_reserve_and_later_ones_neither(
    tiny: EditableModel, tmp_path: Path
) -> None:
    def made(group: list[EditRequest], earlier: list[EditRequest], **settings: float) -> tuple[str, float | None]:
        """The digest of an edit, and in how many other texts it says that its gates stay shut."""
        config = METHODS.get("hidden_unit").Config(
            layers=LAYERS, formats=("completion", "prefixed"), prefixes=(3,), peers=2, steps=1, **settings
        )
        (edit,) = Editor(tiny, method="hidden_unit", config=config, earlier=earlier, home=tmp_path).compute([group])
        assert isinstance(edit, Edit)
        return edit.delta.digest, edit.figures.get("other_texts")

    few, last = REQUESTS[:2], REQUESTS[2:]
    shut, unshut = made(few, []), made(few, [], texts=0)
    assert (shut[1], unshut[1]) == (len(TEXTS), None)
    assert made(few, [], first_facts=2) == shut
    assert shut[0] != unshut[0]
    for group, earlier in ((REQUESTS, []), (last, few)):
        frugal, many = made(group, earlier, texts=0, sufficient=1.0), made(group, earlier, first_facts=2)
        assert many == (frugal[0], 0)
        assert frugal[0] not in (made(group, earlier, texts=0)[0], made(group, earlier, sufficient=1.0)[0])


@pytest.mark.usefixtures("lenient")
def test_facts_in_turn_and_together_take_units_of_their_own(tiny: EditableModel, tmp_path: Path) -> None:
    editor = _editor(tiny, tmp_path)
    (together,) = editor.compute([REQUESTS])
    assert isinstance(together, Edit)
    in_turn: list[WeightDelta] = []
    for request in REQUESTS:
        (edit,) = editor.compute([[request]])
        assert isinstance(edit, Edit)
        assert {change.rank for change in edit.delta.changes} == {1}
        editor.commit(edit)
        in_turn.append(edit.delta)
    for deltas in ((together.delta,), in_turn):
        columns = [
            (change.site, int(row))
            for delta in deltas
            for change in delta.changes
            if change.site.endswith("down_proj")
            for row in change.input_factor.abs().argmax(dim=0)
        ]
        assert len(set(columns)) == len(REQUESTS) == len(columns)


@pytest.mark.usefixtures("lenient")
def test_a_history_read_from_requests_is_the_one_that_was_carried(tiny: EditableModel, tmp_path: Path) -> None:
    # What is read above a layer moves with an edit of it.
    carried = _editor(tiny, tmp_path, layers=(1,))
    (first,) = carried.compute([REQUESTS[:1]])
    assert isinstance(first, Edit)
    carried.commit(first)
    recalled = Editor(
        tiny, method="hidden_unit", config=carried.config, home=tmp_path, revision=carried.revision, earlier=REQUESTS[:1]
    )
    one, other = (editor.compute([REQUESTS[1:2]])[0] for editor in (carried, recalled))
    for change, same in zip(one.delta.changes, other.delta.changes, strict=True):
        assert change.site == same.site
        torch.testing.assert_close(change.dense(), same.dense(), atol=2e-2, rtol=5e-2)
