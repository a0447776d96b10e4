"""What was read is found again by revision and prefix alone, and memory is bounded."""

from __future__ import annotations

import torch

from emendo.serve.kept_prefixes import KeptPrefixes, States


def states(count: int) -> States:
    keys = torch.arange(count, dtype=torch.float32).reshape(1, 1, count, 1)
    return ((keys, keys + 100),)


def test_the_longest_prefix_of_the_same_revision_is_found() -> None:
    kept = KeptPrefixes(10_000)
    kept.keep("a", [1, 2, 3], states(3))
    kept.keep("a", [1, 2, 9, 9], states(4))
    kept.keep("b", [1, 2, 3, 4, 5], states(5))
    count, ((keys, values),) = kept.find("a", [1, 2, 3, 4, 5])
    assert count == 3
    assert keys.flatten().tolist() == [0, 1, 2]
    assert values.flatten().tolist() == [100, 101, 102]
    assert kept.find("c", [1, 2, 3]) == (0, ())
    assert kept.find("a", [7]) == (0, ())


def test_the_last_token_is_always_read_since_it_gives_the_logits() -> None:
    kept = KeptPrefixes(10_000)
    kept.keep("a", [1, 2, 3], states(3))
    assert kept.find("a", [1, 2, 3])[0] == 2


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept = KeptPrefixes(3 * 2 * 2 * 4)
    for first in (1, 2, 3):
        kept.keep("a", [first, 0], states(2))
    assert kept.find("a", [1, 0, 5])[0] == 2
    kept.keep("a", [4, 0], states(2))
    assert [kept.find("a", [first, 0, 5])[0] for first in (1, 2, 3, 4)] == [2, 0, 2, 2]
    kept.keep("a", list(range(10, 30)), states(20))
    assert all(kept.find("a", [first, 0, 5])[0] == 0 for first in (1, 3, 4))


def test_a_longer_prefix_takes_the_place_of_its_beginning() -> None:
    kept = KeptPrefixes(2 * 4 * 4)
    kept.keep("a", [1, 2], states(2))
    kept.keep("a", [1, 2, 3, 4], states(4))
    assert kept.find("a", [1, 2, 3, 4, 5])[0] == 4
