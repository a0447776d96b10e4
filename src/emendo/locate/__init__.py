"""Which layer and token carry a fact: causal tracing, and what the model would say at each layer."""

from emendo.locate.causal_tracing import trace_fact
from emendo.locate.figures import draw_average, draw_trace
from emendo.locate.trace import (
    RESTORATIONS,
    TOKEN_CLASSES,
    AveragedEffect,
    AveragedTrace,
    CausalTrace,
    Effect,
    Kind,
    average_traces,
)

__all__ = [
    "RESTORATIONS",
    "TOKEN_CLASSES",
    "AveragedEffect",
    "AveragedTrace",
    "CausalTrace",
    "Effect",
    "Kind",
    "average_traces",
    "draw_average",
    "draw_trace",
    "trace_fact",
]
