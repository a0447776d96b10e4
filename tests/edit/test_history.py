"""What earlier edits hold: taken out exactly, in any order, and at a cost that does not grow."""

from __future__ import annotations

import itertools

import pytest
import torch

from emendo.edit.closed_form import ClosedForm
from emendo.edit.job import Held, History
from emendo.edit.second_moment import SecondMoment
from emendo.facts import EditRequest, Fact

N, LAYERS = 12, (4, 7)
PLACES = ("California", "Texas", "Nevada", "Ohio")
PRIORS = {
    "moment": lambda m: ClosedForm.of_moment(m.matrix, weight=3.0),
    "null space": lambda m: ClosedForm.of_null_space(m.matrix, share=0.3),
}


def moment_of(layer: int) -> SecondMoment:
    sample = torch.randn(5 * N, N, generator=torch.Generator().manual_seed(layer))
    matrix = sample.T @ sample / (5 * N)
    return SecondMoment(
        site=str(layer),
        matrix=matrix,
        mean=torch.zeros(N),
        used=torch.zeros(N),
        start=torch.zeros(N),
        tokens=1,
        corpus="",
        corpus_digest="",
        shrinkage=0.0,
    )


def held_about(place: str, columns: int = 2) -> Held:
    generator = torch.Generator().manual_seed(sum(place.encode()))
    return Held(
        requests=(EditRequest(fact=Fact(subject=place, prompt="The capital of {} is"), target_new="Paris"),),
        keys={layer: torch.randn(N, columns, generator=generator) for layer in LAYERS},
        slack=dict(zip(LAYERS, (0.2, 1.0), strict=True)),
    )


def history_of(*held: Held) -> History:
    """A history that was read, and its priors made from it at once."""
    return History(earlier=list(held))


@pytest.mark.parametrize("prior", PRIORS)
def test_holding_one_by_one_is_holding_all_at_once(prior: str) -> None:
    held = [held_about(place) for place in PLACES]
    growing = history_of()
    for layer in LAYERS:
        growing.prior(layer, moment_of(layer), PRIORS[prior])
    for own in held:
        growing.hold(own)
    for layer in LAYERS:
        at_once = history_of(*held).prior(layer, moment_of(layer), PRIORS[prior])
        torch.testing.assert_close(growing.prior(layer, moment_of(layer), PRIORS[prior]).inverse, at_once.inverse)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("place", PLACES)
def test_deleting_one_fact_of_many_leaves_the_statistics_of_the_others_made_without_it(prior: str, place: str) -> None:
    held = {name: held_about(name) for name in PLACES}
    history = history_of(*held.values())
    before = [history.prior(layer, moment_of(layer), PRIORS[prior]).inverse for layer in LAYERS]
    history.release(held[place])
    others = [own for name, own in held.items() if name != place]
    assert history.earlier == others
    for layer, whole in zip(LAYERS, before, strict=True):
        found = history.prior(layer, moment_of(layer), PRIORS[prior]).inverse
        without = history_of(*others).prior(layer, moment_of(layer), PRIORS[prior]).inverse
        torch.testing.assert_close(found, without, atol=1e-12, rtol=1e-10)
        assert float((found - whole).abs().max()) > 1e-3


def test_the_order_of_edits_and_of_deletions_does_not_matter() -> None:
    held = [held_about(place) for place in PLACES[:3]]
    (layer, _), make = LAYERS, PRIORS["moment"]
    found = []
    for order in itertools.permutations(held):
        history = history_of()
        history.prior(layer, moment_of(layer), make)
        for own in order:
            history.hold(own)
        history.release(held[1])
        found.append(history.prior(layer, moment_of(layer), make).inverse)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], atol=1e-12, rtol=1e-10)


def test_what_is_stored_for_the_solve_does_not_grow_with_the_edits() -> None:
    history = history_of()
    sizes = []
    for number in range(40):
        for layer in LAYERS:
            history.prior(layer, moment_of(layer), PRIORS["moment"])
        history.hold(held_about(f"place {number}"))
        tensors = [tensor for prior in history._priors.values() for tensor in vars(prior).values()]
        sizes.append([tuple(tensor.shape) for tensor in tensors])
    assert all(size == [(N, N)] * len(LAYERS) for size in sizes)


def test_many_edits_and_deletions_do_not_drift() -> None:
    (layer, _), make = LAYERS, PRIORS["moment"]
    history = history_of()
    start = history.prior(layer, moment_of(layer), make).inverse
    held = [held_about(f"place {number}") for number in range(30)]
    for own in held:
        history.hold(own)
    for own in held:
        history.release(own)
    torch.testing.assert_close(history.prior(layer, moment_of(layer), make).inverse, start, atol=1e-9, rtol=1e-7)


def test_what_is_held_is_found_by_its_subject() -> None:
    held = [held_about(place) for place in PLACES]
    assert history_of(*held).about("Texas") == (held[1],)
    assert history_of(*held).about("France") == ()
