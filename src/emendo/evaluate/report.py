"""The report of an evaluation: figures at the original and the edited revision, and all that is needed to make it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emendo.errors import InvalidRequest
from emendo.evaluate.documents import as_json, write_whole
from emendo.evaluate.metrics import Figure


@dataclass(frozen=True, kw_only=True)
class Report:
    """Figures over cases that were edited one by one.

    Attributes:
        benchmark: Its name.
        benchmark_version: Its version.
        data_file: Name of the file of cases.
        data_digest: SHA-256 of that file.
        split: Part of the file that the cases come from.
        n: Cases.
        refused: Cases whose edit the guard refused; their edited figures are those of the unedited model.
        method: Editing method.
        config: Its settings.
        layers: That the edits changed.
        edit_medians: Median over the edits of what they tell of themselves: norm, steps, perplexity of unrelated text.
        seed: Of the edits and of the bootstrap.
        draw_seed: Of the draw of the cases.
        model: Name of the model.
        model_digest: Digest of its weights.
        versions: Of the software.
        seconds_editing: Time spent on computing the edits.
        seconds_scoring: Time spent on scores and answers, at both revisions.
        unedited: Figures of the original model.
        edited: Figures of the model with each case's own edit.
        case_ids: Of the cases, in order.
        unedited_values: By measure, the value of each case for the original model; None where it has none.
        edited_values: The same with each case's own edit.
    """

    benchmark: str
    benchmark_version: str
    data_file: str
    data_digest: str
    split: str
    n: int
    refused: int
    method: str
    config: Mapping[str, Any]
    layers: tuple[int, ...]
    edit_medians: Mapping[str, float]
    seed: int
    draw_seed: int
    model: str
    model_digest: str
    versions: Mapping[str, str]
    seconds_editing: float
    seconds_scoring: float
    unedited: tuple[Figure, ...]
    edited: tuple[Figure, ...]
    case_ids: tuple[str, ...] = ()
    unedited_values: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    edited_values: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Report:
        """The report that `to_dict` wrote."""
        sides = {side: tuple(Figure(**figure) for figure in fields[side]) for side in ("unedited", "edited")}
        values = {
            name: {m: tuple(v) for m, v in fields.get(name, {}).items()} for name in ("unedited_values", "edited_values")
        }
        ids = tuple(fields.get("case_ids", ()))
        return cls(**{**fields, **sides, **values, "layers": tuple(fields["layers"]), "case_ids": ids})

    def write(self, path: Path) -> None:
        """Write the report as a JSON file, whole or not at all."""
        write_whole(path, as_json(self.to_dict()))

    @classmethod
    def read(cls, path: Path) -> Report:
        """The report in a file that `write` made.

        Raises:
            InvalidRequest: It is another file.
        """
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidRequest(f"'{path.name}' is not a report of 'emendo eval'; give a file that it wrote.") from error
