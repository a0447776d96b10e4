"""Reports that were made before, by a hash of everything that they depend on.

    key = SHA-256(question, answer, limit, versions of this package, the sources and the judges)

A report with a failed check is not kept: it is tried again. A kept report that is damaged is made anew, and where nothing can be
written the report is made all the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emendo.errors import CorruptReport
from emendo.verify.report import Report

_log = logging.getLogger("emendo.verify")


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A folder of reports."""

    folder: Path

    def get(self, key: str) -> Report | None:
        """The report of that key; None where there is none, or it cannot be read."""
        try:
            return Report.read(self._path(key).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, CorruptReport):
            return None

    def put(self, key: str, report: Report) -> None:
        """Keep a report, unless a check failed in it."""
        if report.counts["check_failed"] or any(verdict.failures for verdict in report.verdicts):
            return
        try:
            self._path(key).parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
                try:
                    file.write(report.canonical())
                    file.close()
                    os.replace(file.name, self._path(key))
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            _log.warning("The report is not kept in %s (%s).", self.folder, error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def key_of(question: str, answer: str, limit: int, versions: Mapping[str, str]) -> str:
    """What a report is kept under."""
    told = json.dumps([question, answer, limit, sorted(versions.items())])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
