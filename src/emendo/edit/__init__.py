"""Turn requests into a change of weights, without applying it."""

from emendo.edit.compute import METHODS, Edit, compute_edit, compute_edits_separately
from emendo.edit.corpora import Corpus, file_corpus, python_corpus, sampled_corpus
from emendo.edit.second_moment import SecondMoment, second_moments

__all__ = [
    "METHODS",
    "Corpus",
    "Edit",
    "SecondMoment",
    "compute_edit",
    "compute_edits_separately",
    "file_corpus",
    "python_corpus",
    "sampled_corpus",
    "second_moments",
]
