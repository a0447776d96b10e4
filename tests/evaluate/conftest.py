"""Cases and edits that the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from emendo.edit import Edit
from emendo.evaluate import Asked, Case, CaseSet, Figure, Neighbour, Report
from emendo.evaluate.intervals import bootstrap
from emendo.evaluate.metrics import MEASURES, SCORE, SCORE_PARTS, harmonic_mean
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
) -> Callable[[EditableModel], Callable[[Sequence[Sequence[EditRequest]]], list[Edit]]]:
    """A function that makes an editor for a model; its edits change something, and teach nothing."""

    def bind(model: EditableModel) -> Callable[[Sequence[Sequence[EditRequest]]], list[Edit]]:
        def edit(groups: Sequence[Sequence[EditRequest]]) -> list[Edit]:
            return [
                Edit(
                    delta=handmade_delta(model, group[0].id),
                    requests=tuple(group),
                    method="two_layer",
                    config={},
                    seed=0,
                    layers=(1,),
                    statistics={},
                    figures={"relative_norm": float(len(group[0].id))},
                )
                for group in groups
            ]

        return edit

    return bind


@pytest.fixture(scope="session")
def report_of() -> Callable[..., Report]:
    """A function that makes the report of a method from the values of its cases."""

    def figures(values: Mapping[str, Sequence[float | None]]) -> tuple[Figure, ...]:
        arrays = {name: np.array([np.nan if v is None else v for v in own], float)[None] for name, own in values.items()}
        labels = {measure.name: (measure.label, measure.teacher_forced) for measure in MEASURES}
        found = {name: (*labels[name], bootstrap(own, lambda means: means[0], seed=0)) for name, own in arrays.items()}
        if set(SCORE_PARTS) <= set(arrays):
            parts = np.concatenate([arrays[name] for name in SCORE_PARTS])
            found[SCORE] = ("score (S)", True, bootstrap(parts, harmonic_mean, seed=0))
        return tuple(
            Figure(
                name=name,
                label=label,
                estimate=interval.estimate,
                low=interval.low,
                high=interval.high,
                n=interval.n,
                interval=interval.kind,
                teacher_forced=is_forced,
            )
            for name, (label, is_forced, interval) in found.items()
        )

    def make(
        method: str,
        values: Mapping[str, Sequence[float | None]],
        *,
        unedited: Mapping[str, Sequence[float | None]] | None = None,
        ids: Sequence[str] = (),
    ) -> Report:
        n = len(next(iter(values.values())))
        before = unedited or {name: [0.5] * n for name in values}
        return Report(
            benchmark="places",
            benchmark_version="1",
            data_file="places.json",
            data_digest="0" * 64,
            split="report",
            n=n,
            refused=1,
            method=method,
            config={"steps": 80, "formats": ["completion", "chat"]},
            layers=(1, 2),
            edit_medians={"relative_norm": 0.125, "steps": 31.0},
            seed=0,
            draw_seed=5,
            model="tiny",
            model_digest="1" * 64,
            versions={"emendo": "0.1.0"},
            seconds_editing=2.5 * n,
            seconds_scoring=7.0,
            unedited=figures(before),
            edited=figures(values),
            case_ids=tuple(ids or map(str, range(n))),
            unedited_values={name: tuple(own) for name, own in before.items()},
            edited_values={name: tuple(own) for name, own in values.items()},
        )

    return make


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
