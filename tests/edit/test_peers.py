"""Peers are other subjects, the nearest first, and an edit leaves their keys alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from emendo.companions import paraphrases
from emendo.edit.closed_form import ClosedForm
from emendo.edit.contexts import Context, chat_context, teaching_contexts
from emendo.edit.keys_values import keys_at_subject, keys_beside_subject, read_at_subject
from emendo.edit.peers import Peers
from emendo.edit.subjects import subjects
from emendo.edit.texts import ASKED, BEGINNINGS, TEXTS
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, Site, TokenBatch, capture

FACT = Fact.parse("The capital of {Texas} is")


def _bare(model: EditableModel, fact: Fact) -> list[Context]:
    return teaching_contexts(model, EditRequest(fact=fact, target_new="-"), ["completion"], [], stop=False)


def _peers(model: EditableModel, count: int, **changes: object) -> Peers:
    return replace(Peers(model=model, layers=(1, 2), formats=("completion", "prefixed"), count=count), **changes)


def test_no_subject_stands_twice_in_the_list() -> None:
    assert len(set(subjects())) == len(subjects()) > 300
    assert all(subject == subject.strip() and subject for subject in subjects())


def test_the_subject_is_not_its_own_peer_and_the_nearest_come_first(tiny: EditableModel) -> None:
    peers = _peers(tiny, 10).nearest(FACT)
    assert len(peers) == 10
    assert FACT.subject not in {peer.subject for peer in peers}
    all_peers = _peers(tiny, len(subjects())).nearest(FACT)
    assert all_peers[:10] == peers
    assert len(all_peers) == len(subjects()) - 1

    def likeness(peer: Fact) -> float:
        keys = keys_at_subject(tiny, 1, [_bare(tiny, replace(fact, prompt="{}"))[0] for fact in (FACT, peer)])
        return float(torch.nn.functional.cosine_similarity(keys[:, 0], keys[:, 1], dim=0))

    assert likeness(all_peers[0]) > likeness(all_peers[-1])


def test_keys_are_those_of_the_peers_in_the_prompts_of_the_fact(tiny: EditableModel) -> None:
    peers = _peers(tiny, 5, formats=("completion", "prefixed", "chat"))
    found = peers.keys(FACT)
    for layer in (1, 2):
        contexts = [
            context
            for peer in peers.nearest(FACT)
            for context in teaching_contexts(
                tiny, EditRequest(fact=peer, target_new="-"), ["completion", "chat"], [], stop=False
            )
        ]
        torch.testing.assert_close(found[layer], keys_at_subject(tiny, layer, contexts), atol=1e-4, rtol=1e-3)
    again = replace(FACT, subject="Nevada")
    assert not torch.equal(peers.keys(again)[1], found[1])
    torch.testing.assert_close(_peers(tiny, 0).keys(FACT)[1], torch.zeros(tiny.d_mlp, 0))


def test_an_update_leaves_the_keys_of_peers_alone(tiny: EditableModel) -> None:
    own, held = keys_at_subject(tiny, 2, _bare(tiny, FACT)), _peers(tiny, 5).keys(FACT)[2]
    assert held.shape == (tiny.d_mlp, 5)
    direction = ClosedForm.of_moment(torch.eye(tiny.d_mlp)).direction(own, held, 0.0)
    assert float(direction @ own[:, 0]) == pytest.approx(1.0, abs=1e-3)
    torch.testing.assert_close(held.T @ direction, torch.zeros(5), atol=1e-3, rtol=0)


def test_own_keys_are_those_of_the_subject_in_other_texts_and_in_the_answers_to_them(tiny: EditableModel) -> None:
    peers, subject = _peers(tiny, 0), FACT.subject
    edited = keys_at_subject(tiny, 1, _bare(tiny, FACT))
    own = peers.own_keys(subject, edited, len(TEXTS))
    assert peers.own_keys(subject, edited, 0)[1].shape == (tiny.d_mlp, 0)
    assert own[2].shape[1] > len(TEXTS)
    places = read_at_subject(tiny, [Site("key", 2)], [chat_context(tiny, "Where is Texas?", subject, subject)])[0]
    assert places.shape[1] == 2
    assert all(float((own[2] - column[:, None]).norm(dim=0).min()) < 1e-3 for column in places.T)


def test_the_same_said_in_other_words_is_read_where_the_subject_stands_and_if_wanted_asked(tiny: EditableModel) -> None:
    peers = _peers(tiny, 0)
    worded, asked = (peers.worded_keys(FACT, question)[2] for question in (False, True))
    said = chat_context(tiny, "Do you know this? Can you name the capital of Texas?", "Texas")
    (wrapped,) = read_at_subject(tiny, [Site("key", 2)], [said])
    assert float((asked - wrapped).norm(dim=0).min()) < 1e-3 < float((worded - wrapped).norm(dim=0).min())
    assert asked.shape[1] == worded.shape[1] + len(ASKED)
    assert worded.shape[1] > len(BEGINNINGS)
    unruly = Fact.parse("How large is {Texas}?")
    assert peers.worded_keys(unruly, True)[2].shape[1] == peers.worded_keys(unruly, False)[2].shape[1] + len(ASKED)


def test_no_gate_is_held_open_where_a_subject_is_the_first_token_of_a_text(tiny: EditableModel) -> None:
    fact = replace(FACT, subject="Q")
    (first,) = _bare(tiny, Fact(subject="Q", prompt="{}'s capital is"))
    assert first.is_unread
    assert paraphrases(EditRequest(fact=fact, target_new="-"))[0].fact.text == "Q's capital is"
    held, sink = _peers(tiny, 0).worded_keys(fact, False)[2], keys_at_subject(tiny, 2, [first])
    assert held.shape[1] >= len(BEGINNINGS)
    assert float((held - sink).norm(dim=0).min()) > 1e-3
    (other,) = _bare(tiny, replace(FACT, prompt="It is well known that the capital of {} is", subject="Q"))
    assert float((held - keys_at_subject(tiny, 2, [other])).norm(dim=0).min()) < 1e-3


def test_a_text_in_which_the_key_is_the_edited_one_is_left_out(tiny: EditableModel) -> None:
    peers = _peers(tiny, 0)
    own = peers.own_keys(FACT.subject, torch.zeros(tiny.d_mlp, 1), 4)
    again = peers.own_keys(FACT.subject, own[1][:, :1], 4)
    assert again[1].shape[1] < own[1].shape[1]
    assert float((again[1] - own[1][:, :1]).norm(dim=0).min()) > 0


def test_keys_beside_the_subject_are_those_of_all_other_tokens(tiny: EditableModel) -> None:
    (context,) = _bare(tiny, FACT)
    beside = keys_beside_subject(tiny, (1, 2), [context])
    with torch.no_grad(), capture(tiny, [Site("key", 2)]) as seen:
        tiny.hidden(TokenBatch.align(tiny, [context.ids]))
    others = [at for at in range(len(context.ids)) if at not in context.subject_lasts]
    torch.testing.assert_close(beside[2], seen[Site("key", 2)][0][others].T, atol=1e-5, rtol=1e-4)


def test_keys_come_in_the_order_of_their_contexts(tiny: EditableModel) -> None:
    facts = [replace(FACT, subject=subject) for subject in ("the United Kingdom", "Peru", "New South Wales")]
    contexts = [context for fact in facts for context in _bare(tiny, fact)]
    together = keys_at_subject(tiny, 2, contexts)
    alone = torch.cat([keys_at_subject(tiny, 2, [context]) for context in contexts], dim=1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
