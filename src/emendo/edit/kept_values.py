"""Searches that are done are kept, so that a long run can be killed and taken up again, and a fact is searched for once.

A search depends on the weights, on what is in force, on the unit's contexts and on the settings, and on nothing else: their digest
names the file. Units are searched a few at a time, and each part is on disk before the next begins. How long a search took is
kept with it, so that what an edit takes is told alike whether or not it was computed in one go.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from emendo.edit.contexts import Context
from emendo.edit.keys_values import KeysValue, find_values
from emendo.edit.settings import SearchSettings
from emendo.edit.shards import Savings
from emendo.models import ORIGINAL, EditableModel, Revision, Site

_FORMAT = "emendo-values/2"


@dataclass(kw_only=True, eq=False)
class KeptValues:
    """Values that were searched at one revision.

    Attributes:
        folder: Where they lie.
        revision: Id of the revision that is to be edited.
        spared: Seconds that the searches took once whose values were found here.
    """

    folder: Path
    revision: str
    spared: float = 0.0

    def find(
        self,
        model: EditableModel,
        site: Site,
        units: Sequence[Sequence[Context]],
        settings: SearchSettings,
        report: Callable[[float], None],
        *,
        revisions: Sequence[Revision] | None,
        savings: Savings,
        openings: Sequence[Sequence[float]] | None = None,
    ) -> list[KeysValue]:
        """As `find_values`, of which only those are searched that are not kept."""
        at = [ORIGINAL] * len(units) if revisions is None else revisions
        shares: Sequence[Sequence[float]] = [()] * len(units) if openings is None else openings
        paths = [self._path(model, site, *own, settings) for own in zip(units, at, shares, strict=True)]
        kept = {i: read for i, path in enumerate(paths) if (read := _read(path)) is not None}
        found = {i: value for i, (value, _) in kept.items()}
        self.spared += sum(seconds for _, seconds in kept.values())
        missing = [i for i in range(len(units)) if i not in found]
        if missing:
            started = time.perf_counter()
            searched = find_values(
                model,
                site,
                [units[i] for i in missing],
                settings,
                report,
                revisions=[at[i] for i in missing],
                savings=savings,
                openings=None if openings is None else [openings[i] for i in missing],
            )
            seconds = (time.perf_counter() - started) / len(missing)
            for i, value in zip(missing, searched, strict=True):
                _write(paths[i], value, seconds)
                found[i] = value
        return [found[i] for i in range(len(units))]

    def _path(
        self,
        model: EditableModel,
        site: Site,
        contexts: Sequence[Context],
        revision: Revision,
        openings: Sequence[float],
        settings: SearchSettings,
    ) -> Path:
        # What a method is told besides its search changes nothing of it.
        told = {field.name: getattr(settings, field.name) for field in fields(SearchSettings) if field.name != "layers"}
        words: list[object] = [
            _FORMAT,
            model.digest,
            self.revision,
            revision.id,
            asdict(site),
            [asdict(c) for c in contexts],
            told,
        ]
        if openings:
            words.append(list(openings))
        return self.folder / f"{hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]}.safetensors"


def _write(path: Path, value: KeysValue, seconds: float) -> None:
    figures = {
        "value_norm": value.value_norm,
        "steps": value.steps,
        "worst_probability": value.worst_probability,
        "divergence": value.divergence,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    tensors = {"keys": value.keys.cpu().contiguous(), "delta": value.delta.cpu().contiguous()}
    save_file(tensors, temporary, metadata={"figures": json.dumps(figures), "seconds": str(seconds)})
    os.replace(temporary, path)


def _read(path: Path) -> tuple[KeysValue, float] | None:
    """What is kept, and the seconds that its search took; None where nothing is, or a file is damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata()
            figures = json.loads(told["figures"])
            value = KeysValue(keys=file.get_tensor("keys"), delta=file.get_tensor("delta"), **figures)
            return value, float(told["seconds"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
