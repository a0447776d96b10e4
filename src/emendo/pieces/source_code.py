"""The digest of source code, so that results of other code are not taken for those of this one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from emendo import __version__


def code_digest(*stages: str) -> str:
    """SHA-256 over Emendo's version and the source of some of its stages, such as "edit"; profiles, which are JSON, included."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(__version__.encode())
    files = [file for stage in stages for file in (package / stage).rglob("*") if file.suffix in (".py", ".json")]
    for file in sorted(files):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()
