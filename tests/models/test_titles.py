"""People read a model's own name: no folder, no precision, no lower case of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from emendo.models import EditableModel, title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct"),
        ("/home/ada/models/my-model/", "my-model"),
        ("./Qwen3-0.6B.Q4_K_M.gguf", "Qwen3-0.6B"),
        ("phi-F16.gguf", "phi"),
        ("Llama-3.2-1B", "Llama-3.2-1B"),
    ],
)
def test_a_title_is_the_end_of_the_name_without_precision(
    tiny: EditableModel, monkeypatch: pytest.MonkeyPatch, name: str, title: str
) -> None:
    monkeypatch.setattr(tiny, "name", name)
    assert title_of(tiny) == title


def test_a_folder_that_was_not_converted_tells_nothing(
    tiny: EditableModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tiny, "folder", tmp_path)
    assert title_of(tiny) == tiny.name


@pytest.mark.real
def test_the_embedded_model_is_called_as_its_file_is(real: EditableModel) -> None:
    assert title_of(real) == "SmolLM2-135M-Instruct"
