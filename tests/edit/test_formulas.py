"""Every closed-form method, from request to delta, against the formula of its paper in float64.

Keys are read here by a plain pass over each text, and the formulas are written out with plain inverses.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emendo.edit import METHODS, Edit, Editor, python_corpus, second_moments
from emendo.edit.contexts import kept_prefixes
from emendo.facts import EditRequest, Fact
from emendo.models import (
    ORIGINAL,
    EditableModel,
    Revision,
    Site,
    TokenBatch,
    WeightDelta,
    at_revisions,
    capture,
    encode,
    patch_activation,
    subject_spans,
    target_ids,
)

pytestmark = pytest.mark.usefixtures("lenient")

LAYER = 1
REQUESTS = [
    EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Berlin"),
    EditRequest(fact=Fact.parse("The old man in the city of {Texas}"), target_new="Los Angeles"),
    EditRequest(fact=Fact.parse("{Nevada} and Austin are far from"), target_new="Said"),
]
BARE = {"formats": ("completion",), "prefixes": (), "steps": 4, "learning_rate": 0.1, "worst_probability": 0.999}


def make_editor(model: EditableModel, method: str, home: Path, **settings: Any) -> Editor:
    config = METHODS.get(method).Config(**{**BARE, "layers": (LAYER,), **settings})
    return Editor(model, method=method, config=config, home=home)


def computed(editor: Editor, requests: Sequence[EditRequest]) -> Edit:
    (edit,) = editor.compute([requests])
    assert isinstance(edit, Edit)
    return edit


def moment_of(model: EditableModel, home: Path, layer: int = LAYER) -> Tensor:
    """C in float64."""
    return second_moments(model, [layer], python_corpus(model), home=home)[layer].matrix.double()


def at_subject(
    model: EditableModel, site: Site, texts: Sequence[str], requests: Sequence[EditRequest], revision: Revision = ORIGINAL
) -> Tensor:
    """The activation at the subject's last token of each text, one column a text, in float64."""
    columns = []
    for text, request in zip(texts, requests, strict=True):
        with torch.no_grad(), at_revisions(model, [revision]), capture(model, [site]) as seen:
            model.hidden(TokenBatch.align(model, [encode(model, text)]))
        (span,) = subject_spans(model, text, request.fact.subject)
        columns.append(seen[site].reshape(-1, seen[site].shape[-1])[span[1]].double())
    return torch.stack(columns, dim=1)


def keys_of(model: EditableModel, requests: Sequence[EditRequest], layer: int = LAYER) -> Tensor:
    """K of the bare prompts, in float64."""
    return at_subject(model, Site("key", layer), [request.fact.text for request in requests], requests)


def assert_is(delta: WeightDelta, residual: Tensor, directions: Tensor) -> None:
    """The one change of a delta is R G."""
    (change,) = delta.changes
    expected = (residual.double() @ directions).float()
    torch.testing.assert_close(change.dense(), expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-3)


def probabilities(model: EditableModel, site: Site, requests: Sequence[EditRequest], residual: Tensor) -> Tensor:
    """Of every target token when each request's residual is added at its subject, by a plain pass over each text."""
    found = []
    for request, added in zip(requests, residual.T, strict=True):
        prompt, target = encode(model, request.fact.text), target_ids(model, request.target_new)
        (span,) = subject_spans(model, request.fact.text, request.fact.subject)
        place = torch.zeros(len(prompt) + len(target) - 1)
        place[span[1]] = 1
        batch = TokenBatch.align(model, [[*prompt, *target[:-1]]])
        change = place[:, None] * added
        with torch.no_grad(), patch_activation(model, site, lambda v, change=change: v + change.reshape(v.shape)):
            p = model.head(model.hidden(batch)[0, len(prompt) - 1 :]).softmax(dim=-1)
        found.append(p.gather(1, torch.tensor(target)[:, None])[:, 0])
    return torch.cat(found)


def test_rome_is_equation_2_with_one_and_the_same_key(any_tiny: EditableModel, tmp_path: Path) -> None:
    """Published code averages the key over contexts in one place and takes the bare prompt's in the other."""
    request, lengths = REQUESTS[0], (5, 10)
    editor = make_editor(any_tiny, "rome", tmp_path, formats=("completion", "prefixed"), prefixes=lengths)
    edit = computed(editor, [request])
    prefixes = kept_prefixes(any_tiny, lengths, 0, tmp_path / "prefixes")
    texts = [request.fact.text, *(f"{prefix} {request.fact.text}" for prefix in prefixes)]
    keys = at_subject(any_tiny, Site("key", LAYER), texts, [request] * len(texts))
    key = keys.mean(dim=1, keepdim=True)
    whitened = torch.linalg.inv(moment_of(any_tiny, tmp_path)) @ key
    residual = edit.delta.changes[0].output_factor
    assert_is(edit.delta, residual, whitened.T / (key.T @ whitened))
    moved = edit.delta.changes[0].dense().double() @ key
    torch.testing.assert_close(moved.float(), residual, atol=1e-4, rtol=1e-3)
    bare = edit.delta.changes[0].dense().double() @ keys[:, :1]
    assert float((bare - residual.double()).norm()) > 1e-3 * float(residual.norm()), (
        "one context only: the keys are the same"
    )


@pytest.mark.parametrize(("method", "kind"), [("rome", "value"), ("memit", "resid_post")])
def test_the_residual_is_what_makes_the_model_say_the_target(
    any_tiny: EditableModel, tmp_path: Path, method: str, kind: str
) -> None:
    """ROME's δ stands before any norm of the MLP's output, MEMIT's in the residual stream."""
    edit = computed(make_editor(any_tiny, method, tmp_path), REQUESTS)
    residual = edit.delta.changes[0].output_factor
    said, before = (probabilities(any_tiny, Site(kind, LAYER), REQUESTS, r) for r in (residual, torch.zeros_like(residual)))
    assert float(said.min()) == pytest.approx(edit.figures["worst_probability"], rel=1e-2)
    assert float(said.log().mean()) > float(before.log().mean())


def test_emmet_is_published(tiny: EditableModel, tmp_path: Path) -> None:
    epsilon = 0.1
    edit = computed(make_editor(tiny, "emmet", tmp_path, slack=epsilon), REQUESTS)
    keys, inverse = keys_of(tiny, REQUESTS), torch.linalg.inv(moment_of(tiny, tmp_path))
    system = epsilon * torch.eye(len(REQUESTS), dtype=torch.float64) + keys.T @ inverse @ keys
    assert_is(edit.delta, edit.delta.changes[0].output_factor, torch.linalg.inv(system) @ keys.T @ inverse)


def test_memit_is_equation_14(tiny: EditableModel, tmp_path: Path) -> None:
    weight = 7.0
    edit = computed(make_editor(tiny, "memit", tmp_path, moment_weight=weight), REQUESTS)
    keys, moment = keys_of(tiny, REQUESTS), moment_of(tiny, tmp_path)
    directions = keys.T @ torch.linalg.inv(weight * moment + keys @ keys.T)
    assert_is(edit.delta, edit.delta.changes[0].output_factor, directions)


def test_memit_spreads_the_residual_over_layers_and_reads_it_again_after_each(tiny: EditableModel, tmp_path: Path) -> None:
    layers, weight = (1, 2, 3), 7.0
    edit = computed(make_editor(tiny, "memit", tmp_path, layers=layers, moment_weight=weight), REQUESTS)
    texts = [request.fact.text for request in REQUESTS]
    last = Site("resid_post", layers[-1])
    first = edit.delta.changes[0].output_factor.double()
    goal = at_subject(tiny, last, texts, REQUESTS) + len(layers) * first
    revision = ORIGINAL
    for at, (layer, change) in enumerate(zip(layers, edit.delta.changes, strict=True)):
        assert change.site == tiny.down_projection(layer)
        residual = (goal - at_subject(tiny, last, texts, REQUESTS, revision)) / (len(layers) - at)
        keys = at_subject(tiny, Site("key", layer), texts, REQUESTS, revision)
        moment = moment_of(tiny, tmp_path, layer)
        directions = keys.T @ torch.linalg.inv(weight * moment + keys @ keys.T)
        assert_is(WeightDelta(changes=(change,)), residual, directions)
        revision = revision.plus(WeightDelta(changes=(change,)))


def test_memit_in_sequence_holds_the_keys_of_all_earlier_edits(tiny: EditableModel, tmp_path: Path) -> None:
    weight, ridge = 7.0, 20.0
    editor = make_editor(tiny, "memit_sequential", tmp_path, moment_weight=weight, norm_penalty=ridge)
    moment = moment_of(tiny, tmp_path)
    earlier = torch.zeros(tiny.d_mlp, 0, dtype=torch.float64)
    for request in REQUESTS:
        edit, keys = computed(editor, [request]), keys_of(tiny, [request])
        system = weight * moment + ridge * torch.eye(tiny.d_mlp) + earlier @ earlier.T + keys @ keys.T
        assert_is(edit.delta, edit.delta.changes[0].output_factor, keys.T @ torch.linalg.inv(system))
        editor.commit(edit)
        earlier = torch.cat([earlier, keys], dim=1)


def test_alphaedit_in_sequence_is_the_published_solve(tiny: EditableModel, tmp_path: Path) -> None:
    share, penalty = 0.2, 10.0
    editor = make_editor(tiny, "alphaedit", tmp_path, share=share, penalty=penalty)
    values, vectors = torch.linalg.eigh(moment_of(tiny, tmp_path))
    free = vectors[:, values.cumsum(0) <= share * values.sum()]
    assert 0 < free.shape[1] < tiny.d_mlp
    projection, eye = free @ free.T, torch.eye(tiny.d_mlp, dtype=torch.float64)
    earlier = torch.zeros(tiny.d_mlp, 0, dtype=torch.float64)
    for group in (REQUESTS[:1], REQUESTS[1:]):
        edit, keys = computed(editor, group), keys_of(tiny, group)
        system = (earlier @ earlier.T + keys @ keys.T) @ projection + penalty * eye
        directions = keys.T @ projection @ torch.linalg.inv(system)
        assert_is(edit.delta, edit.delta.changes[0].output_factor, directions)
        editor.commit(edit)
        earlier = torch.cat([earlier, keys], dim=1)
