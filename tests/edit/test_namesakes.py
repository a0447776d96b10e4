"""Names that end like a subject are made of peers' first words, where plain text may have them too."""

from __future__ import annotations

from emendo.edit.namesakes import namesake_contexts, namesakes
from emendo.facts import Fact
from emendo.models import EditableModel, encode

PEERS = ["Mill Valley", "Ohio", "Mill Hill", "New York City", "Lima", "Rome", "Oslo", "Bern", "Paris"]


def test_names_end_in_the_last_word(tiny: EditableModel) -> None:
    assert len(encode(tiny, " City", special=False)) == 1
    names = namesakes(tiny, "Carson City", ["Carson Ville", *PEERS])
    # One of each first word, the subject itself left out, six at most.
    assert names == ["City", "Mill City", "Ohio City", "New City", "Lima City", "Rome City"]
    assert namesakes(tiny, "Carson City", []) == ["City"]


def test_a_single_word_and_a_rare_last_word_have_none(tiny: EditableModel) -> None:
    assert namesakes(tiny, "California", PEERS) == []
    assert len(encode(tiny, " Hatzidakis", special=False)) > 1
    assert namesakes(tiny, "Manos Hatzidakis", PEERS) == []
    assert namesake_contexts(tiny, Fact(subject="California", prompt="The capital of {} is"), PEERS) == []


def test_each_stands_in_the_prompt_and_in_a_plain_text(tiny: EditableModel) -> None:
    fact = Fact(subject="Carson City", prompt="The capital of {} is")
    contexts = namesake_contexts(tiny, fact, PEERS[:2])
    texts = [tiny.tokenizer.decode(context.prompt_ids) for context in contexts]
    assert [text.strip() for text in texts] == [
        expected for name in ("City", "Mill City", "Ohio City") for expected in (f"The capital of {name} is", f"In {name},")
    ]
    assert all(context.target_ids and context.subject_lasts for context in contexts)
