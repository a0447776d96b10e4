"""Second moments: what is summed, what is left out, what is kept."""

from __future__ import annotations

from pathlib import Path

import torch

from emendo.edit import Corpus, python_corpus, sampled_corpus, second_moments
from emendo.edit.moment_sums import ROW_TOKENS
from emendo.models import EditableModel, Site, TokenBatch, capture


def _corpus(model: EditableModel, tokens: int, seed: int = 0) -> Corpus:
    ids = torch.randint(3, 400, (tokens,), generator=torch.Generator().manual_seed(seed)).tolist()
    return Corpus(name="random", ids=tuple(ids))


def _plain(model: EditableModel, corpus: Corpus, layer: int) -> torch.Tensor:
    """One row at a time, position 0 left out, as the definition says."""
    width = min(ROW_TOKENS, model.context_length)
    total, count = torch.zeros(model.d_mlp, model.d_mlp), 0
    for at in range(0, len(corpus.ids), width):
        with torch.no_grad(), capture(model, [Site("key", layer)]) as seen:
            model.hidden(TokenBatch.align(model, [corpus.ids[at : at + width]]))
        keys = seen[Site("key", layer)].reshape(-1, model.d_mlp)[1:]
        total, count = total + keys.T @ keys, count + len(keys)
    return total / count


def test_one_pass_over_all_layers_equals_a_pass_a_layer(any_tiny: EditableModel) -> None:
    corpus = _corpus(any_tiny, 700)
    moments = second_moments(any_tiny, [0, 2], corpus, tokens=700)
    for layer in (0, 2):
        plain = _plain(any_tiny, corpus, layer)
        rho = moments[layer].shrinkage
        shrunk = (1 - rho) * plain + rho * plain.trace() / len(plain) * torch.eye(len(plain))
        torch.testing.assert_close(moments[layer].matrix, shrunk, rtol=1e-4, atol=1e-6)


def test_the_matrix_can_be_solved_even_from_fewer_tokens_than_dimensions(tiny: EditableModel) -> None:
    moment = second_moments(tiny, [1], _corpus(tiny, 30), tokens=30)[1]
    assert moment.tokens < tiny.d_mlp
    assert torch.linalg.eigvalsh(moment.matrix.double()).min() > 0


def test_more_tokens_need_less_shrinkage(tiny: EditableModel) -> None:
    few = second_moments(tiny, [1], _corpus(tiny, 100), tokens=100)[1]
    many = second_moments(tiny, [1], _corpus(tiny, 4000), tokens=4000)[1]
    assert many.shrinkage < few.shrinkage


def test_a_kept_result_is_found_again_and_only_for_the_same_question(tiny: EditableModel, tmp_path: Path) -> None:
    corpus = _corpus(tiny, 300)
    calls: list[int] = []
    first = second_moments(tiny, [1], corpus, tokens=300, home=tmp_path)[1]
    again = second_moments(tiny, [1], corpus, tokens=300, home=tmp_path, progress=lambda done, _: calls.append(done))[1]
    assert not calls, "it was computed a second time"
    assert torch.equal(first.matrix, again.matrix)
    assert first.statement() == again.statement()
    for other_corpus, tokens in ((corpus, 200), (_corpus(tiny, 300, seed=1), 300)):
        other = second_moments(tiny, [1], other_corpus, tokens=tokens, home=tmp_path)[1]
        assert other.corpus_digest != first.corpus_digest
        assert not torch.equal(other.matrix, first.matrix)


def test_layers_come_in_the_order_asked_for_whichever_of_them_are_kept_already(tiny: EditableModel, tmp_path: Path) -> None:
    corpus = _corpus(tiny, 100)
    second_moments(tiny, [1], corpus, tokens=100, home=tmp_path)
    assert list(second_moments(tiny, [2, 1, 0], corpus, tokens=100, home=tmp_path)) == [2, 1, 0]


def test_a_sample_is_reproducible_and_long_enough(tiny: EditableModel, tmp_path: Path) -> None:
    first = sampled_corpus(tiny, 200, home=tmp_path)
    assert len(first.ids) == 200
    assert sampled_corpus(tiny, 200, home=tmp_path).ids == first.ids == sampled_corpus(tiny, 200).ids
    assert sampled_corpus(tiny, 200, seed=1).ids != first.ids


def test_python_brings_enough_english_for_ten_tokens_a_dimension(tiny: EditableModel) -> None:
    assert len(python_corpus(tiny).ids) > 10 * 14336, "fewer than the widest supported 8B models want"
