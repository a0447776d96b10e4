"""Causal tracing: the fast procedure is the plain one, and what must hold of any trace holds."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from emendo.errors import InvalidRequest, UnknownFact
from emendo.facts import Fact
from emendo.locate import RESTORATIONS, CausalTrace, Kind, trace_fact
from emendo.locate.causal_tracing import embedding_deviation, subject_noise, subject_tokens
from emendo.models import EditableModel, encode

PLAIN = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "tracing.py"))
FACT = Fact.parse("The capital of {France} is")
KINDS: tuple[Kind, ...] = get_args(Kind)


def plain_effect(model: EditableModel, fact: Fact, kind: Kind, trace: CausalTrace) -> np.ndarray:
    token = encode_prediction(model, fact)
    effect: np.ndarray = PLAIN["plain_trace"](
        model, fact, token, kind, window=trace.window, noise_samples=trace.noise_samples, seed=trace.seed
    )
    return effect


def encode_prediction(model: EditableModel, fact: Fact) -> int:
    with torch.inference_mode():
        return int(model.network(input_ids=torch.tensor([encode(model, fact.text)])).logits[0, -1].argmax())


def test_every_family_gets_the_values_of_the_plain_procedure(any_tiny: EditableModel) -> None:
    fact = Fact.parse("Berlin, {France} is in")
    trace = trace_fact(any_tiny, fact, noise_samples=3, window=2, kinds=KINDS, seed=3)
    assert trace.subject_first > 0
    for kind in KINDS:
        expected = plain_effect(any_tiny, fact, kind, trace)
        np.testing.assert_allclose(trace.effects[kind].indirect_effect, expected, atol=1e-4, err_msg=kind)
        assert np.abs(expected).max() > 1e-3, f"{kind}: nothing happens, so nothing is compared"
