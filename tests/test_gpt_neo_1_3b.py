"""A model of a true size: GPT-Neo 1.3B's shape, in float32, edited, taken back and exported within 16 GB."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast


@pytest.mark.slow
def test_a_model_of_1_3_billion_is_edited_and_exported_within_16_gigabytes(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    tiny_tokenizer.save_pretrained(tmp_path / "model")
    program = Path(__file__).with_name("gpt_neo_1_3b.py")
    done = subprocess.run([sys.executable, str(program), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["parameters"] > 1.3e9
    assert seen["rank_of_target_before"] > 0
    assert seen["rank_of_target_edited"] == 0
    assert seen["reverted_exactly"]
    assert seen["merged_exactly"]
    assert seen["peak_gigabytes"] < 16
