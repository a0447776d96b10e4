"""Ids tell no folders, and a revision in use is one object however many ask for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from serving import commit
from transformers import PreTrainedTokenizerFast

from emendo.ledger import Ledger
from emendo.models import ORIGINAL, EditableModel
from emendo.serve import Served, Shelf
from tiny_models import build_tiny, random_delta


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("/home/ada/secret/my model/", "my-model"),
        ("./models/SmolLM2.Q4_1.gguf", "SmolLM2.Q4_1"),
        ("HuggingFaceTB/SmolLM2-135M", "SmolLM2-135M"),
        ("..", "model"),
        ("a:b", "a-b"),
    ],
)
def test_an_id_is_a_name_without_its_folder(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path, name: str, id: str
) -> None:
    model = build_tiny("llama", tiny_tokenizer)
    model.name = name
    shelf = Shelf([(model, Ledger.open(model, tmp_path / "a")), (model, Ledger.open(model, tmp_path / "b"))])
    assert [served.id for served in shelf] == [id, f"{id}-2"]


def test_a_revision_is_one_object_for_all_who_ask_at_once(tiny: EditableModel, tmp_path: Path) -> None:
    served = Served("tiny", tiny, Ledger.open(tiny, tmp_path))
    assert served.revision() is served.revision("original") is ORIGINAL
    ids = [commit(served, random_delta(tiny, (1,), seed=seed), f"target {seed}").revision for seed in range(20)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(served.revision, ids[-3:] * 20))
    assert len(set(map(id, found))) == 3
    for revision in ids:
        assert served.revision(revision).id == revision
    assert served.revision(ids[-1]) is served.revision()
    assert len(served._revisions) == 16
