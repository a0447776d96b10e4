"""Cases and edits that the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from emendo.edit import Edit
from emendo.evaluate import Asked, Case, CaseSet, Neighbour
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
        asked=(
            Asked(kind="inverse", text=f"{new} is the capital of", is_chat=False, accepted=(subject,)),
            Asked(kind="truth_new", text=f"Is it {new}?", is_chat=True, accepted=("Yes",), choices=("Yes", "No")),
            Asked(kind="same_subject", text=f"Who is in {subject}?", is_chat=True),
            Asked(kind="essence", text=f"{subject} and", is_chat=False, max_new_tokens=40),
        ),
        references=(f"Nevada and {new}.",),
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


@pytest.fixture
def relation_folder(tmp_path: Path) -> Path:
    """Two small relations of countries in the files of `relations`, one subject in both, one with two objects."""
    folder = tmp_path / "relations-of-countries"
    folder.mkdir()
    capital = {
        "name": "country capital city",
        "prompt_templates": ["The capital of {} is", "{} is governed from"],
        "prompt_templates_zs": ["What is the capital of {}? It is the city of"],
        "properties": {"domain_name": "country"},
        "samples": [
            {"subject": "France", "object": "Paris"},
            {"subject": "Germany", "object": "Berlin"},
            {"subject": "Bolivia", "object": "Sucre"},
            {"subject": "Bolivia", "object": "La Paz"},
        ],
    }
    language = {
        "name": "country language",
        "prompt_templates": ["People in {} speak"],
        "prompt_templates_zs": ["People in {} speak the language of"],
        "properties": {"domain_name": "country"},
        "samples": [{"subject": "France", "object": "French"}, {"subject": "Austria", "object": "German"}],
    }
    for name, fields in (("country_capital_city", capital), ("country_language", language)):
        (folder / f"{name}.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder
