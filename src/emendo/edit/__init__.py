"""Turn requests into a change of weights, without applying it."""

from emendo.edit.compute import DEFAULT_METHOD, METHODS, Edit, Editor, compute_edit
from emendo.edit.corpora import Corpus, file_corpus, python_corpus, sampled_corpus
from emendo.edit.second_moment import SecondMoment, second_moments

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "Corpus",
    "Edit",
    "Editor",
    "SecondMoment",
    "compute_edit",
    "file_corpus",
    "python_corpus",
    "sampled_corpus",
    "second_moments",
]
