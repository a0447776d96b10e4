"""Cases and edits that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from emendo.edit import Edit
from emendo.evaluate import Case, CaseSet, Neighbour
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, SiteDelta, WeightDelta

PLACES = {"France": "Paris", "California": "Sacramento", "Texas": "Austin", "Germany": "Berlin", "Nevada": "Carson City"}


def case(subject: str, new: str) -> Case:
    fact = Fact(subject=subject, prompt="The capital of {} is", target_true=PLACES[subject])
    others = [place for place in PLACES if place != subject]
    return Case(
        id=subject,
        request=EditRequest(fact=fact, target_new=new, id=subject),
        rival=PLACES[subject],
        paraphrases=(f"The capital city of {subject} is called", f"{subject} and the capital"),
        neighbours=tuple(Neighbour(prompt=f"The capital of {o} is", target_true=PLACES[o]) for o in others),
        questions=(f"Which city is the capital of {subject}?",),
    )


@pytest.fixture(scope="session")
def case_set() -> CaseSet:
    """Five places, each moved to Los Angeles."""
    return CaseSet(
        benchmark="places",
        version="1",
        file="places.json",
        digest="0" * 64,
        split="all",
        seed=0,
        cases=tuple(case(place, "Los Angeles") for place in PLACES),
    )


@pytest.fixture(scope="session")
def handmade_delta() -> Callable[[EditableModel, str], WeightDelta]:
    """A function that makes a strong change of one matrix, another for every name."""

    def make(model: EditableModel, name: str) -> WeightDelta:
        generator = torch.Generator().manual_seed(sum(name.encode()))
        u = torch.randn(model.d_model, 1, generator=generator)
        v = torch.randn(model.d_mlp, 1, generator=generator)
        return WeightDelta(changes=(SiteDelta(site=model.down_projection(1), output_factor=u, input_factor=v),))

    return make


@pytest.fixture(scope="session")
def handmade_editor(
    handmade_delta: Callable[[EditableModel, str], WeightDelta],
) -> Callable[[EditableModel], Callable[[Sequence[EditRequest]], list[Edit]]]:
    """A function that makes an editor for a model; its edits change something, and teach nothing."""

    def bind(model: EditableModel) -> Callable[[Sequence[EditRequest]], list[Edit]]:
        def edit(requests: Sequence[EditRequest]) -> list[Edit]:
            return [
                Edit(
                    delta=handmade_delta(model, request.id),
                    requests=(request,),
                    method="two_layer",
                    config={},
                    seed=0,
                    layers=(1,),
                    statistics={},
                    figures={"relative_norm": float(len(request.id))},
                )
                for request in requests
            ]

        return edit

    return bind
