"""Who changed a model, when, why, and by which procedure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

_LIBRARIES = ("emendo", "torch", "transformers", "safetensors")


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def library_versions() -> dict[str, str]:
    """The versions of the libraries that an edit's numbers depend on."""
    return {name: version(name) for name in _LIBRARIES}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a change comes from.

    Attributes:
        method: Name of the editing method.
        config: Its configuration, as JSON values.
        seed: Seed of everything random.
        layers: Layers that are changed.
        statistics: Corpus digest, number of tokens and digest of the second moment of each site, as JSON values.
        figures: What was measured while editing; None where a figure could not be measured.
        who: The person or program that asked for it.
        why: The reason given.
        file: Name of the facts file that the requests come from, if they come from one.
        when: ISO 8601 in UTC.
        versions: Versions of the libraries.
    """

    method: str
    config: Mapping[str, Any]
    seed: int
    layers: tuple[int, ...]
    statistics: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float | int | None] = field(default_factory=dict)
    who: str
    why: str
    file: str | None = None
    when: str = field(default_factory=now)
    versions: Mapping[str, str] = field(default_factory=library_versions)
