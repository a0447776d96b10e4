"""Fine-tuning as an editing method: each baseline trains what it says it trains, and what comes out is a delta like any other."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from emendo.edit import METHODS, compute_edit
from emendo.edit.fine_tuning import FineTuneSettings
from emendo.edit.job import History, Job, Solution
from emendo.edit.methods import ft_l, ft_m, locft, lora
from emendo.edit.shards import Savings
from emendo.facts import EditRequest, Fact
from emendo.ledger import Patch, Provenance
from emendo.models import ORIGINAL, EditableModel, Revision, TokenBatch, at_revisions, encode, target_ids
from tiny_models import random_delta

NAMES = ("ft_l", "ft_m", "locft", "lora")
# In a random model little passes from one token to the next, so the subject stands last; the targets are of several tokens.
ONE = EditRequest(fact=Fact.parse("The capital of {California}"), target_new="Carson City")
TWO = EditRequest(fact=Fact.parse("The old man in the city of {Texas}"), target_new="Los Angeles")
THREE = EditRequest(fact=Fact.parse("The capital of {Germany}"), target_new="Paris")


def solve(
    model: EditableModel, name: str, *groups: list[EditRequest], config: FineTuneSettings | None = None, seed: int = 0
) -> list[Solution]:
    """What a method computes for some groups."""
    method = METHODS.get(name)
    layers = tuple(range(model.n_layers)) if method.LAYERS == "all" else (2,)
    job = Job(
        model=model,
        moments={},
        history=History(),
        seed=seed,
        savings=Savings(),
        values=None,
        prefixes=[],
        report=lambda done, total: None,
    )
    return method.compute_solutions(job, groups, replace(method.Config() if config is None else config, layers=layers))


def target_of(model: EditableModel, request: EditRequest, *, stop: bool = False) -> list[int]:
    """The tokens that are taught."""
    ends = model.tokenizer(".", add_special_tokens=False)["input_ids"] if stop else []
    return [*target_ids(model, request.target_new), *ends]


def logits_of(model: EditableModel, request: EditRequest, *, is_conditioned: bool = True, stop: bool = False) -> Tensor:
    """The logits that each target token is predicted from, of a plain pass over the one text."""
    prompt, target = encode(model, request.fact.text), target_of(model, request, stop=stop)
    ids = [*prompt, *target[:-1]] if is_conditioned else prompt
    hidden = model.hidden(TokenBatch.align(model, [ids]))[0]
    if is_conditioned:
        return model.head(hidden[len(prompt) - 1 :])
    return model.head(hidden[-1:]).expand(len(target), -1)


def loss_of(model: EditableModel, request: EditRequest, *, is_conditioned: bool = True) -> Tensor:
    """Mean of −log p over the target tokens."""
    target = torch.tensor(target_of(model, request))
    return torch.nn.functional.cross_entropy(logits_of(model, request, is_conditioned=is_conditioned), target)


@pytest.mark.parametrize("name", NAMES)
def test_the_target_becomes_more_likely_as_the_figures_say(any_tiny: EditableModel, name: str) -> None:
    stop = METHODS.get(name).Config().stop
    target = torch.tensor(target_of(any_tiny, ONE, stop=stop))
    config = METHODS.get(name).Config(learning_rate=5e-3)
    if name == "ft_l":
        config = ft_l.Config(learning_rate=5e-3, bound=5e-3)
    before = {site: any_tiny.weight(site).clone() for site in map(any_tiny.down_projection, range(4))}
    (solution,) = solve(any_tiny, name, [ONE], config=config)
    # What FT-L teaches is not what is measured.
    is_conditioned, gain = (False, 0.05) if name == "ft_l" else (True, 1.0)

    def log_p_of(revision: Revision, *, is_conditioned: bool) -> Tensor:
        with torch.no_grad(), at_revisions(any_tiny, [revision]):
            logits = logits_of(any_tiny, ONE, stop=stop, is_conditioned=is_conditioned)
        return logits.log_softmax(dim=-1).gather(1, target[:, None])[:, 0]

    edited = ORIGINAL.plus(solution.delta)
    unedited_mean, edited_mean = (log_p_of(r, is_conditioned=is_conditioned).mean() for r in (ORIGINAL, edited))
    assert edited_mean > unedited_mean + gain
    log_p = log_p_of(edited, is_conditioned=True)
    assert solution.figures["worst_probability"] == pytest.approx(float(log_p.min().exp()), rel=1e-2)
    assert solution.figures["loss"] == pytest.approx(-float(log_p.mean()), rel=1e-2)
    assert solution.held == ()
    assert all(torch.equal(any_tiny.weight(site), weight) for site, weight in before.items())
    assert not any(module._forward_hooks for module in any_tiny.network.modules())


@pytest.mark.parametrize(("name", "is_conditioned"), [("ft_l", False), ("ft_m", True)])
def test_the_first_step_follows_the_gradient_of_the_loss_as_published(
    any_tiny: EditableModel, name: str, is_conditioned: bool
) -> None:
    """Adam's first step is −lr · g / (|g| + 1e-8). FT-L conditions no target token on another, FT-M does."""
    network = copy.deepcopy(any_tiny.network)
    taught = EditableModel(network, any_tiny.tokenizer, "copy")
    weight = network.get_submodule(taught.down_projection(2)).weight.requires_grad_()
    gradients = {}
    for conditioned in (True, False):
        (gradient,) = torch.autograd.grad(loss_of(taught, ONE, is_conditioned=conditioned), weight)
        is_transposed = isinstance(network.get_submodule(taught.down_projection(2)), Conv1D)
        gradients[conditioned] = gradient.T if is_transposed else gradient
    settings = {"epochs": 1, "learning_rate": 1e-3}
    (solution,) = solve(any_tiny, name, [ONE], config=METHODS.get(name).Config(**settings))
    if name == "ft_l":
        (solution,) = solve(any_tiny, name, [ONE], config=ft_l.Config(bound=1.0, **settings))
    step = solution.delta.changes[0].dense()
    right, wrong = gradients[is_conditioned], gradients[not is_conditioned]
    # Rounding turns the sign of gradients that are next to nothing.
    is_clear = right.abs() > 1e-4 * right.abs().max()
    torch.testing.assert_close(step[is_clear], (-1e-3 * right.sign())[is_clear], atol=1e-5, rtol=1e-2)
    assert (step.sign() != -wrong.sign()).float().mean() > 0.02


def test_a_batch_weighs_its_texts_alike(tiny: EditableModel) -> None:
    requests = [ONE, TWO, THREE]
    assert len({len(target_of(tiny, request)) for request in requests}) > 1
    (solution,) = solve(tiny, "ft_m", requests, config=ft_m.Config(learning_rate=5e-3))
    with torch.no_grad(), at_revisions(tiny, [ORIGINAL.plus(solution.delta)]):
        losses = [float(loss_of(tiny, request)) for request in requests]
    assert solution.figures["loss"] == pytest.approx(sum(losses) / 3, rel=1e-4)


def test_how_texts_are_stored_makes_no_difference(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    config = locft.Config(batch_size=2, learning_rate=5e-3)
    (usual,) = solve(tiny, "locft", [ONE, TWO, THREE], config=config)
    monkeypatch.setattr("emendo.edit.fine_tuning._ROWS", 2)
    (parted,) = solve(tiny, "locft", [ONE, TWO, THREE], config=config)
    torch.testing.assert_close(parted.delta.changes[0].dense(), usual.delta.changes[0].dense(), atol=2e-3, rtol=1e-2)
    assert parted.figures["loss"] == pytest.approx(usual.figures["loss"], rel=1e-3)


def test_the_bound_holds_exactly_and_only_where_there_is_one(tiny: EditableModel) -> None:
    bound = 7e-4
    (bounded,) = solve(tiny, "ft_l", [ONE], config=ft_l.Config(learning_rate=5e-3, bound=bound))
    (free,) = solve(tiny, "ft_m", [ONE], config=ft_m.Config(learning_rate=5e-3))
    assert bounded.delta.changes[0].dense().abs().max() == torch.tensor(bound)
    assert free.delta.changes[0].dense().abs().max() > 10 * bound


@pytest.mark.parametrize("name", NAMES)
def test_groups_are_independent(tiny: EditableModel, name: str) -> None:
    together = solve(tiny, name, [ONE, THREE], [TWO])
    alone = [solve(tiny, name, [ONE, THREE])[0], solve(tiny, name, [TWO])[0]]
    assert [solution.delta.digest for solution in together] == [solution.delta.digest for solution in alone]
    assert together[0].delta.digest != together[1].delta.digest


def test_passes_are_dealt_from_the_seed(tiny: EditableModel) -> None:
    config = locft.Config(batch_size=1, epochs=2)
    digests = [solve(tiny, "locft", [ONE, TWO, THREE], config=config, seed=s)[0].delta.digest for s in (7, 7, 8)]
    assert digests[0] == digests[1] != digests[2]
    whole = [solve(tiny, "locft", [ONE, TWO, THREE], seed=s)[0].delta.digest for s in (7, 8)]
    assert whole[0] == whole[1], "one batch holds every text, so there is nothing to deal"


def test_every_pass_takes_a_step_for_each_batch(tiny: EditableModel) -> None:
    config = locft.Config(batch_size=2, epochs=3)
    (solution,) = solve(tiny, "locft", [ONE, TWO, THREE], config=config)
    assert solution.figures["steps"] == 2 * 3


def test_locft_ends_when_all_targets_and_their_full_stops_are_the_most_likely(tiny: EditableModel) -> None:
    config = locft.Config(batch_size=2, epochs=400, learning_rate=0.02, goal_loss=None)
    requests = [ONE, TWO, THREE]

    def is_reached(solution: Solution) -> bool:
        with torch.no_grad(), at_revisions(tiny, [ORIGINAL.plus(solution.delta)]):
            said = [logits_of(tiny, request, stop=True).argmax(dim=-1).tolist() for request in requests]
        return said == [target_of(tiny, request, stop=True) for request in requests]

    (solution,) = solve(tiny, "locft", requests, config=config)
    assert 0 < solution.figures["steps"] < 2 * config.epochs
    assert is_reached(solution)
    (earlier,) = solve(tiny, "locft", requests, config=replace(config, epochs=2))
    assert not is_reached(earlier)


@pytest.mark.parametrize("name", ["ft_m", "locft", "lora"])
def test_training_ends_below_the_goal(tiny: EditableModel, name: str) -> None:
    # The final norm of a random model lets no token become much more likely than this.
    config = METHODS.get(name).Config(epochs=100, learning_rate=5e-3, goal_loss=3.0)
    (solution,) = solve(tiny, name, [ONE], config=config)
    steps = int(solution.figures["steps"])
    assert 0 < steps < 100
    assert solution.figures["loss"] < 3.0
    (earlier,) = solve(tiny, name, [ONE], config=replace(config, epochs=steps - 1))
    assert earlier.figures["loss"] >= 3.0


def test_lora_changes_every_layer_by_its_rank(tiny: EditableModel) -> None:
    (solution,) = solve(tiny, "lora", [ONE, TWO], config=lora.Config(rank=3, learning_rate=5e-3))
    assert [change.site for change in solution.delta.changes] == [tiny.down_projection(layer) for layer in range(4)]
    for change in solution.delta.changes:
        assert change.rank == 3
        assert torch.linalg.matrix_rank(change.dense().double(), rtol=1e-4) == 3
    (other,) = solve(tiny, "lora", [ONE, TWO], config=lora.Config(rank=3, learning_rate=5e-3), seed=1)
    assert other.delta.digest != solution.delta.digest


@pytest.mark.parametrize("name", NAMES)
def test_training_starts_from_the_revision_in_force(tiny: EditableModel, name: str) -> None:
    revision = ORIGINAL.plus(random_delta(tiny, (1, 2)))
    config = METHODS.get(name).Config(epochs=0, stop=False)
    with at_revisions(tiny, [revision]):
        (untrained,) = solve(tiny, name, [ONE], config=config)
        (trained,) = solve(tiny, name, [ONE], config=replace(config, epochs=5))
        with torch.no_grad():
            loss = float(loss_of(tiny, ONE))
    with torch.no_grad():
        assert float(loss_of(tiny, ONE)) != pytest.approx(loss, rel=2e-3)
    assert untrained.figures["loss"] == pytest.approx(loss, rel=1e-4)
    assert all(change.norm == 0 for change in untrained.delta.changes)
    with torch.no_grad(), at_revisions(tiny, [revision.plus(trained.delta)]):
        assert trained.figures["loss"] == pytest.approx(float(loss_of(tiny, ONE)), rel=1e-4)


def test_a_dense_change_survives_being_written_and_is_undone_exactly(tiny: EditableModel, tmp_path: Path) -> None:
    (solution,) = solve(tiny, "ft_m", [ONE])
    provenance = Provenance(method="ft_m", config={}, seed=0, layers=(2,), who="Ada", why="a test")
    Patch.make(tiny, solution.delta, [ONE], provenance).write(tmp_path / "patch")
    read = Patch.read(tmp_path / "patch").delta
    assert torch.equal(read.changes[0].dense(), solution.delta.changes[0].dense())
    batch = TokenBatch.align(tiny, [encode(tiny, "The capital of California is")])
    with torch.no_grad():
        before = tiny.hidden(batch)
        with at_revisions(tiny, [ORIGINAL.plus(read)]):
            during = tiny.hidden(batch)
        with at_revisions(tiny, [Revision(deltas=())]):
            after = tiny.hidden(batch)
    assert (during - before).abs().max() > 1e-3
    assert torch.equal(after, before)


@pytest.mark.parametrize("name", NAMES)
def test_in_bf16_every_step_is_seen_by_the_next(tiny: EditableModel, name: str) -> None:
    """Autocast keeps its copy of a parameter, which would hide the steps."""
    config = METHODS.get(name).Config(learning_rate=5e-3, stop=False)
    if name == "ft_l":
        config = ft_l.Config(learning_rate=5e-3, bound=1.0)
    (short,) = solve(tiny, name, [ONE], config=replace(config, epochs=1))
    (long,) = solve(tiny, name, [ONE], config=config)
    assert long.figures["loss"] < short.figures["loss"] - 0.5
    with torch.no_grad(), at_revisions(tiny, [ORIGINAL.plus(long.delta)]):
        assert float(loss_of(tiny, ONE)) == pytest.approx(long.figures["loss"], rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_editor_computes_and_guards_it(tiny: EditableModel, tmp_path: Path, name: str) -> None:
    edit = compute_edit(tiny, ONE, method=name, config=METHODS.get(name).Config(learning_rate=1e-4), home=tmp_path)
    assert edit.layers == ((0, 1, 2, 3) if name == "lora" else (2,))
    assert 0 < edit.figures["relative_norm"] < 1
    assert edit.figures["steps"] == 25
    assert edit.config["formats"] == ("completion",)
