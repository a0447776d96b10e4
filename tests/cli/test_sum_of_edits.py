"""What all edits together cost is said where it is more than a single one may cost, and else not."""

from __future__ import annotations

import pytest

from emendo.cli.editing import warn_of_sum


@pytest.mark.parametrize(("ratio", "is_said"), [(1.0, False), (1.1, False), (1.43, True), (float("inf"), True)])
def test_edits_that_add_up_are_spoken_of(capsys: pytest.CaptureFixture[str], ratio: float, is_said: bool) -> None:
    warn_of_sum({"perplexity_ratio_of_all": ratio})
    told = " ".join(capsys.readouterr().out.split())
    assert (f"unrelated text {ratio:.2f} times" in told) == is_said
    assert ("hidden_unit" in told) == is_said
