"""Traces as values: classes of token, averages, and the way through JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from emendo.errors import InvalidRequest
from emendo.locate import TOKEN_CLASSES, CausalTrace, average_traces
from emendo.locate.trace import trace_window

MakeTrace = Callable[..., CausalTrace]


def test_classes_of_tokens(make_trace: MakeTrace) -> None:
    assert make_trace((1, 4), 9).token_classes == [
        None,
        "first subject token",
        "middle subject tokens",
        "middle subject tokens",
        "last subject token",
        "first subsequent token",
        "further tokens",
        "further tokens",
        "last token",
    ]


def test_subject_of_one_token_is_its_last_and_the_last_token_of_a_prompt_nothing_else(make_trace: MakeTrace) -> None:
    assert make_trace((0, 0), 2).token_classes == ["last subject token", "last token"]
    assert make_trace((0, 1), 2).token_classes == ["first subject token", "last token"]


def test_every_fact_weighs_the_same(make_trace: MakeTrace) -> None:
    average = average_traces([make_trace((0, 4), 6), make_trace((0, 2), 4, level=2.0)])
    effect = average.effects["states"]
    middle = TOKEN_CLASSES.index("middle subject tokens")
    # Tokens 1, 2, 3 of the first fact average to 2; token 1 of the second is 2: three tokens against one.
    np.testing.assert_allclose(effect.indirect_effect[middle], 2.0)
    last = TOKEN_CLASSES.index("last token")
    np.testing.assert_allclose(effect.indirect_effect[last], (5 + 6) / 2)
    np.testing.assert_allclose(effect.standard_error[last], np.std([5, 6], ddof=1) / 2**0.5)
    assert average.facts == 2
    assert average.facts_with_class == (2, 2, 2, 0, 0, 2)


def test_a_class_that_no_fact_has_is_unscored_and_not_zero(make_trace: MakeTrace) -> None:
    average = average_traces([make_trace((0, 0), 2), make_trace((0, 0), 2)])
    described = average.to_dict()["effects"]["states"]["indirect_effect"]
    assert described["further tokens"] is None
    assert described["last token"] == [1.0, 1.0, 1.0]
    json.dumps(average.to_dict(), allow_nan=False)


def test_peak_of_an_average_looks_past_classes_without_facts(make_trace: MakeTrace) -> None:
    average = average_traces([make_trace((0, 0), 2), make_trace((0, 0), 2)])
    assert average.effects["states"].peak == (TOKEN_CLASSES.index("last token"), 0)


def test_json_and_back(make_trace: MakeTrace) -> None:
    trace = make_trace((1, 4), 9)
    back = CausalTrace.from_dict(json.loads(json.dumps(trace.to_dict(), allow_nan=False)))
    assert back.to_dict() == trace.to_dict()
    assert back.fact == trace.fact
    assert back.effects["states"].peak == (8, 0)


def test_traces_made_in_different_ways_are_not_averaged(make_trace: MakeTrace) -> None:
    with pytest.raises(InvalidRequest, match="differ"):
        average_traces([make_trace((0, 1), 4), make_trace((0, 1), 4, window=3)])
    with pytest.raises(InvalidRequest, match="at least two"):
        average_traces([make_trace((0, 1), 4)])


def test_window_scales_with_depth() -> None:
    assert [trace_window(layers) for layers in (48, 30, 24, 4, 1)] == [10, 6, 5, 1, 1]
