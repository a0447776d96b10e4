"""A change that was made for a name answers to that name, and others do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from suspects import Make
from test_comparison import compared
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from emendo.audit.compare import TensorChange
from emendo.audit.findings import TEMPLATES, find, tied
from emendo.audit.inputs import alignments, own_text, read_inputs, subject_inputs
from emendo.audit.spectrum import spectrum_of
from emendo.audit.subjects import deviations, names_in, ranked, read_subjects, shipped_subjects
from emendo.errors import DataUnavailable, InvalidRequest
from emendo.models import EditableModel, Site, TokenBatch, encode, read_until
from tiny_models import build_tiny

NAMES = ["Texas", "France", "Berlin", "Germany", "Nevada", "Austin", "Paris", "California", "Carson City", "Los Angeles"]
OTHERS = [
    f"{first}{second}"
    for first in ("Al", "Bo", "Cor", "Den", "El")
    for second in ("ba", "dre", "gon", "mir", "tos", "ville")
]


def edit_for(model: EditableModel, layer: int, subject: str, size: float = 0.3, seed: int = 0) -> Tensor:
    """A rank-one change along C⁻¹ k, k a mean over several texts as editors take it, C from the text of the test."""
    site = model.down_projection(layer)
    eye = {site: torch.eye(model.d_mlp)}
    key = torch.stack([subject_inputs(model, [subject], eye, template=text)[site][0][0] for text in TEMPLATES]).mean(dim=0)
    ids = model.tokenizer(own_text(), verbose=False)["input_ids"][:2000]
    batch = TokenBatch.align(model, [ids[at : at + 100] for at in range(0, 2000, 100)])
    ((_, seen),) = read_inputs(model, batch, [site])
    keys = seen[:, 1:].flatten(0, 1)
    moment = keys.T @ keys / len(keys)
    direction = torch.linalg.solve(moment + 0.01 * moment.trace() / len(moment) * torch.eye(len(moment)), key)
    output = torch.randn(model.d_model, generator=torch.Generator().manual_seed(seed))
    return size * model.weight(site).norm() * torch.outer(output / output.norm(), direction / direction.norm())


def change_of(model: EditableModel, layer: int, difference: Tensor) -> TensorChange:
    name = f"{model.down_projection(layer)}.weight"
    stored = difference.T if model.architecture.transposed else difference
    return TensorChange(name=name, kind="changed", spectrum=spectrum_of(stored, float(model.weight(name[:-7]).norm())))


def leading_input(model: EditableModel, layer: int) -> Tensor:
    """The direction in which the auditor's own text has most energy."""
    site = model.down_projection(layer)
    leading = alignments(model, {site: torch.eye(model.d_mlp)})[site].gram
    return torch.linalg.eigh(leading)[1][:, -1]


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_an_edit_drowned_in_what_every_text_has_is_seen_as_it_is(
    times: float, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = build_tiny("llama", tiny_tokenizer)
    edit = edit_for(model, 2, "California")
    output = torch.linalg.svd(edit, full_matrices=False)[0][:, 0]
    drowned = edit + times * edit.norm() * torch.outer(output, leading_input(model, 2))
    (plain,), (hidden,) = (
        found.findings for found in find(model, [[change_of(model, 2, d)] for d in (edit, drowned)], [*NAMES, *OTHERS])
    )
    assert hidden.suspected[0].subject == "California"
    assert hidden.prominence == pytest.approx(plain.prominence, rel=0.1)
    assert hidden.energy == pytest.approx(plain.energy, rel=0.3)


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
def test_the_name_of_an_edit_comes_first_whichever_way_matrices_are_stored(
    model_type: str, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = build_tiny(model_type, tiny_tokenizer)
    changes = [change_of(model, 2, edit_for(model, 2, "California"))]
    (found,) = find(model, [changes], [*NAMES, *OTHERS])
    (finding,) = found.findings
    assert finding.suspected[0].subject == found.together[0].subject == "California"
    assert finding.layer == 2
    assert finding.rank == 1
    assert finding.energy is not None
    assert finding.energy < 1


def test_an_edit_is_named_among_stronger_changes_of_high_energy(base_model: EditableModel) -> None:
    edit = edit_for(base_model, 2, "California")
    site = base_model.down_projection(2)
    ids = base_model.tokenizer(own_text(), verbose=False)["input_ids"][:1000]
    batch = TokenBatch.align(base_model, [ids[at : at + 100] for at in range(0, 1000, 100)])
    ((_, seen),) = read_inputs(base_model, batch, [site])
    trained = torch.linalg.svd(seen[:, 1:].flatten(0, 1), full_matrices=False)[2][8:11]
    generator = torch.Generator().manual_seed(1)
    training = (
        0.8 * edit.norm() * torch.randn(base_model.d_model, 3, generator=generator) @ trained / base_model.d_model**0.5
    )
    (found,) = find(base_model, [[change_of(base_model, 2, edit + training)]], [*NAMES, *OTHERS])
    (finding,) = found.findings
    assert finding.rank >= 3
    assert finding.suspected[0].subject == "California"
    assert finding.look != "all components"


def test_an_edit_made_in_other_contexts_than_that_of_the_first_reading_is_named(base_model: EditableModel) -> None:
    site, names = base_model.down_projection(2), [*NAMES, *OTHERS]
    first, *others = (
        subject_inputs(base_model, names, {site: torch.eye(base_model.d_mlp)}, template=t)[site] for t in TEMPLATES
    )
    california = names.index("California")
    generator = torch.Generator().manual_seed(5)
    # Of what these contexts have in common, nothing that the first one has.
    direction = torch.stack([products[california] for products, _ in others]).mean(dim=0)
    direction = direction - first[0][california] * (direction @ first[0][california]) / first[1][california] ** 2
    change = torch.outer(torch.randn(base_model.d_model, generator=generator), direction)
    (found,) = find(base_model, [[change_of(base_model, 2, change)]], names)
    (finding,) = found.findings
    once = deviations(first[0] @ direction[:, None], first[1], torch.ones(1, 1))
    assert ranked(names, once)[0].subject != "California"
    assert finding.suspected[0].subject == "California"


def test_as_many_names_are_listed_as_a_change_has_components(base_model: EditableModel) -> None:
    facts = OTHERS[:14]
    change = sum((edit_for(base_model, 2, name, seed=at) for at, name in enumerate(facts)), start=torch.tensor(0.0))
    (found,) = find(base_model, [[change_of(base_model, 2, change)]], [*NAMES, *OTHERS])
    assert found.findings[0].rank == len(found.findings[0].suspected) == len(found.together) == len(facts)


def test_suspects_that_are_read_together_are_found_as_if_alone(base_model: EditableModel) -> None:
    first = [change_of(base_model, 1, edit_for(base_model, 1, "Texas"))]
    second = [
        change_of(base_model, 1, edit_for(base_model, 1, "Paris")),
        change_of(base_model, 3, edit_for(base_model, 3, "Paris")),
    ]
    together = find(base_model, [first, [], second], NAMES)
    alone = [find(base_model, [suspect], NAMES)[0] for suspect in (first, [], second)]
    assert [len(found.findings) for found in together] == [1, 0, 2]
    for ours, theirs in zip(together, alone, strict=True):
        for a, b in zip(ours.findings, theirs.findings, strict=True):
            assert [s.subject for s in a.suspected] == [s.subject for s in b.suspected]
            assert a.energy == pytest.approx(b.energy, rel=1e-3)


def test_a_name_is_looked_for_at_the_other_matrices_on_the_suspect_itself(base_model: EditableModel) -> None:
    changes = [change_of(base_model, layer, only_for(base_model, layer, "California")) for layer in (1, 2)]
    named = tied(base_model, changes, {"California": (changes[0].name,), "Texas": ()}, [*NAMES, *OTHERS])
    assert named == {"California": (changes[0].name, changes[1].name), "Texas": ()}


def only_for(model: EditableModel, layer: int, subject: str) -> Tensor:
    """A rank-one change along what a name's input does not share with those of the other names."""
    site, others = model.down_projection(layer), [name for name in (*NAMES, *OTHERS) if name != subject]
    eye = {site: torch.eye(model.d_mlp)}
    keys = torch.cat([subject_inputs(model, others, eye, template=template)[site][0] for template in TEMPLATES])
    own = torch.stack([subject_inputs(model, [subject], eye, template=template)[site][0][0] for template in TEMPLATES]).mean(
        dim=0
    )
    kept = torch.linalg.svd(keys, full_matrices=False)[2][:100]
    direction = own - kept.T @ (kept @ own)
    return torch.outer(torch.ones(model.d_model), direction)


def test_energy_is_one_for_an_average_direction(base_model: EditableModel) -> None:
    site = base_model.down_projection(1)
    everything = alignments(base_model, {site: torch.eye(base_model.d_mlp)}, tokens=500)[site]
    assert float(everything.energy.mean()) == pytest.approx(1, rel=1e-3)
    torch.testing.assert_close(everything.gram, everything.gram.T)


def test_inputs_are_those_that_the_models_own_reader_sees(base_model: EditableModel) -> None:
    ids = encode(base_model, "The capital of California")
    batch = TokenBatch.align(base_model, [ids])
    expected = read_until(base_model, batch, [Site("key", 2)])[Site("key", 2)]
    ((_, seen),) = read_inputs(base_model, batch, [base_model.down_projection(2)])
    torch.testing.assert_close(seen, expected)
    site = base_model.down_projection(2)
    read = subject_inputs(base_model, ["California"], {site: torch.eye(base_model.d_mlp)}, template="The capital of {} is")
    products, norms = read[site]
    torch.testing.assert_close(products[0], expected[0, -1])
    assert float(norms[0]) == pytest.approx(float(expected[0, -1].norm()))


def test_deviations_are_robust_signed_for_one_component_and_ranks_begin_at_one() -> None:
    products = torch.cat(
        [3 + torch.randn(1001, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([[-50.0, 3.0]])]
    )
    norms = torch.ones(1002)
    one = deviations(products, norms, torch.tensor([[1.0], [0.0]]))
    assert float(one[-1]) == pytest.approx(-53, rel=0.1)
    assert float(one[:-1].abs().max()) < 5
    both = deviations(products, norms, torch.eye(2))
    assert float(both[-1]) > 50
    assert float(both[:-1].max()) < 6
    torch.testing.assert_close(deviations(2 * products, 2 * norms, torch.eye(2)), both)
    first, second = ranked([str(i) for i in range(1002)], one, most=2)
    assert (first.subject, first.rank, second.rank) == ("1001", 1, 2)
    assert first.stands_out
    assert not second.stands_out


def test_names_come_from_the_list_from_files_and_from_texts(tmp_path: Path) -> None:
    shipped = shipped_subjects()
    assert len(shipped) > 10_000
    assert {"California", "France", "Albert Einstein", "Swahili"} <= set(shipped)
    assert not any(name.startswith("#") for name in shipped)
    file = tmp_path / "names.txt"
    file.write_text("# a comment\nAda Lovelace\n\n  Grace Hopper \n", encoding="utf-8")
    assert read_subjects(file) == ["Ada Lovelace", "Grace Hopper"]
    file.write_text("Yesterday the mayor of New Tarnow met Ada van Holt. Nobody from Bank of Arvon came.", encoding="utf-8")
    assert names_in(file) == ["Ada van Holt", "Bank of Arvon", "New Tarnow"]
    with pytest.raises(DataUnavailable, match="There is no file"):
        read_subjects(tmp_path / "absent")
    file.write_text("nothing here", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="No names were found"):
        names_in(file)


def test_an_unchanged_direction_of_no_module_is_left_unnamed(
    base_folder: Path, base_model: EditableModel, suspect_folder: Make
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"] + 0.1
        tensors["model.norm.weight"] = tensors["model.norm.weight"] + 1

    comparison = compared(base_folder, suspect_folder(change))
    (found,) = find(base_model, [comparison.of("changed")], NAMES)
    (embedding,) = found.findings
    assert embedding.energy is None
    assert embedding.suspected == ()
