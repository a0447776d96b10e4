"""Lists that are kept as text files beside the modules, an entry a line; a line that begins with # is a comment."""

from __future__ import annotations

from importlib.resources import files


def read_list(name: str) -> tuple[str, ...]:
    """The entries of a file, in which \\n is a line break."""
    lines = files("emendo.edit").joinpath(name).read_text(encoding="utf-8").splitlines()
    return tuple(line.replace("\\n", "\n") for line in lines if not line.startswith("#"))
