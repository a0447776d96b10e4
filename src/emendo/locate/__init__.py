"""Which layer and token carry a fact: causal tracing, what the model would say at each layer, and what a text is about."""

from emendo.locate.causal_tracing import trace_fact
from emendo.locate.figures import check_figure_path, draw_average, draw_trace
from emendo.locate.logit_lens import LogitLens, logit_lens
from emendo.locate.subject import find_subject, subject_by_rule, subject_by_trace
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
    "LogitLens",
    "average_traces",
    "check_figure_path",
    "draw_average",
    "draw_trace",
    "find_subject",
    "logit_lens",
    "subject_by_rule",
    "subject_by_trace",
    "trace_fact",
]
