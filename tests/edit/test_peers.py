"""Peers are other subjects, the nearest first, and an edit leaves their keys alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from emendo.edit.closed_form import update_directions
from emendo.edit.contexts import teaching_contexts
from emendo.edit.keys_values import keys_at_subject
from emendo.edit.peers import nearest_peers, peer_keys, subjects
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel

FACT = Fact.parse("The capital of {Texas} is")


def test_no_subject_stands_twice_in_the_list() -> None:
    assert len(set(subjects())) == len(subjects()) > 300
    assert all(subject == subject.strip() and subject for subject in subjects())


def test_the_subject_is_not_its_own_peer_and_the_nearest_come_first(tiny: EditableModel) -> None:
    peers = nearest_peers(tiny, FACT, 2, 10)
    assert len(peers) == 10
    assert FACT.subject not in {peer.subject for peer in peers}
    all_peers = nearest_peers(tiny, FACT, 2, len(subjects()))
    assert all_peers[:10] == peers
    assert len(all_peers) == len(subjects()) - 1

    def likeness(peer: Fact) -> float:
        contexts = [
            context
            for fact in (FACT, peer)
            for context in teaching_contexts(tiny, EditRequest(fact=fact, target_new="-"), ["completion"], [], stop=False)
        ]
        keys = keys_at_subject(tiny, 2, contexts)
        return float(torch.nn.functional.cosine_similarity(keys[:, 0], keys[:, 1], dim=0))

    assert likeness(all_peers[0]) > likeness(all_peers[-1])


def test_an_update_leaves_the_keys_of_peers_alone(tiny: EditableModel) -> None:
    own = keys_at_subject(
        tiny, 2, teaching_contexts(tiny, EditRequest(fact=FACT, target_new="-"), ["completion"], [], stop=False)
    )
    peers = peer_keys(tiny, FACT, 2, ["completion", "prefixed"], 5)
    assert peers.shape == (tiny.d_mlp, 5)
    direction = update_directions(torch.cat([own, peers], dim=1), torch.eye(tiny.d_mlp), 0.0)[0]
    assert float(direction @ own[:, 0]) == pytest.approx(1.0, abs=1e-3)
    torch.testing.assert_close(peers.T @ direction, torch.zeros(5), atol=1e-3, rtol=0)


def test_keys_come_in_the_order_of_their_contexts(tiny: EditableModel) -> None:
    facts = [replace(FACT, subject=subject) for subject in ("the United Kingdom", "Peru", "New South Wales")]
    contexts = [
        context
        for fact in facts
        for context in teaching_contexts(tiny, EditRequest(fact=fact, target_new="-"), ["completion"], [], stop=False)
    ]
    together = keys_at_subject(tiny, 2, contexts)
    alone = torch.cat([keys_at_subject(tiny, 2, [context]) for context in contexts], dim=1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
