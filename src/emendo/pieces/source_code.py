"""The digest of source code, so that results of other code are not taken for those of this one."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from types import ModuleType

from emendo import __version__


def code_digest(*parts: str, without: str | None = None) -> str:
    """SHA-256 over Emendo's version and the source of some of its parts; profiles, which are JSON, included.

    Args:
        parts: Files and folders of the package, such as "edit" and "evaluate/scoring.py".
        without: A folder that is left out.
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(__version__.encode())
    left_out = None if without is None else package / without
    files = {
        file
        for part in parts
        for file in ([package / part] if (package / part).is_file() else (package / part).rglob("*"))
        if file.suffix in (".py", ".json") and (left_out is None or left_out not in file.parents)
    }
    for file in sorted(files):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def module_digest(module: ModuleType) -> str:
    """SHA-256 over the source of one module, such as a plug-in's."""
    return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()
