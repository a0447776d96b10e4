"""The document of a sequence of edits, which a later run goes on from: what its curves rest on, and what it holds already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emendo.edit import METHODS
from emendo.edit.layers import settled
from emendo.evaluate.cases import CaseSet
from emendo.evaluate.sequence import SequencePoint
from emendo.home import default_home
from emendo.models import EditableModel


def basis_of(
    model: EditableModel,
    cases: CaseSet,
    *,
    method: str,
    text: str,
    config: Mapping[str, Any] | None = None,
    batch: int = 1,
    measured: int = 100,
    windows: int = 32,
    corpus: str = "python",
    seed: int = 0,
    home: Path | None = None,
) -> str:
    """What the points of a sequence depend on, as a SHA-256: points of one basis belong to one curve.

    Args:
        model: As for `edit_in_sequence`, like all that follow.
        cases: What is taught.
        method: Name of the editing method.
        text: Plain text.
        config: Settings; those measured for the model count too.
        batch: Requests that are solved together.
        measured: Most facts that are measured at a point.
        windows: Of the text.
        corpus: Text for the second moment.
        seed: Of everything random.
        home: Where profiles are kept.
    """
    settings = settled(model, method, METHODS.get(method), config, default_home() if home is None else home)
    told = {
        "version": version("emendo"),
        "model": model.digest,
        "cases": [asdict(case) for case in cases.cases],
        "method": method,
        "config": asdict(settings),
        "batch": batch,
        "measured": measured,
        "text": text,
        "windows": windows,
        "corpus": Path(corpus).read_text(encoding="utf-8") if Path(corpus).is_file() else corpus,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def as_curve(
    method: str, config: Mapping[str, Any], batch: int, basis: str, points: Sequence[SequencePoint]
) -> dict[str, Any]:
    """The points of one method as the document of `sequence_figure` holds them."""
    points_as_fields = [asdict(point) for point in points]
    return {"method": method, "config": dict(config), "batch": batch, "basis": basis, "points": points_as_fields}


def read_document(path: Path) -> dict[str, Any]:
    """The document that an earlier run left; nothing where there is none, or something else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def known_points(document: Mapping[str, Any], basis: str) -> tuple[SequencePoint, ...]:
    """The points that a document has of a basis; none where it has no such curve, or is another document."""
    try:
        (points,) = (curve["points"] for curve in document["methods"] if curve.get("basis") == basis)
        return tuple(SequencePoint.from_dict(point) for point in points)
    except (KeyError, TypeError, ValueError, AttributeError):
        return ()
