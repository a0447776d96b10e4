"""Names of many kinds that Emendo lists itself: who an edit's peers are chosen among, and what a model is sampled about."""

from __future__ import annotations

from emendo.edit.lists import read_list


def subjects() -> tuple[str, ...]:
    """Every subject of the list, those of one kind side by side."""
    return tuple(subject for line in read_list("subjects.txt") for subject in line.split("; "))
