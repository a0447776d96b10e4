"""Writes the generated parts of the documentation: what stands between ``<!-- NAME -->`` and ``<!-- end -->``.

    python scripts/build_tables.py

The tests fail while a page differs from what this would write.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from emendo import errors
from emendo.cli.main import COMMANDS
from emendo.edit import METHODS
from emendo.evaluate import BENCHMARKS
from emendo.ledger import EXPORTERS
from emendo.models import ARCHITECTURES
from emendo.pieces import EXECUTORS
from emendo.registry import Registry

DOCS = Path(__file__).parents[1] / "docs"
REGISTRIES = (METHODS, ARCHITECTURES, BENCHMARKS, EXPORTERS, EXECUTORS, COMMANDS)
_PART = re.compile(r"(<!-- ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str) -> str:
    """A page with its generated parts as they should be."""
    return _PART.sub(lambda match: f"{match[1]}{_part(match[2])}\n{match[3]}", page)


def _part(name: str) -> str:
    if name == "error tree":
        return f"```\n{_errors(errors.EmendoError)}\n```"
    if name == "model types":
        return _model_types()
    return _plugins(next(registry for registry in REGISTRIES if f"{registry.kind}s" == name))


def _errors(error: type[Exception], indent: str = "") -> str:
    lines = [error.__name__ if not indent else ""]
    children = error.__subclasses__()
    for child in children:
        is_last = child is children[-1]
        branch, rest = ("└── ", "    ") if is_last else ("├── ", "│   ")
        lines.append(f"{indent}{branch}{child.__name__:<{28 - len(indent)}}{(child.__doc__ or '').splitlines()[0]}")
        below = _errors(child, indent + rest) if child.__subclasses__() else ""
        lines.extend(line for line in below.splitlines() if line)
    return "\n".join(line for line in lines if line)


def _model_types() -> str:
    rows = ["| Model type | Family | Blocks | Down-projection |", "|---|---|---|---|"]
    for name in ARCHITECTURES.names():
        module = ARCHITECTURES.get(name)
        family = module.ARCHITECTURE
        types = ", ".join(f"`{kind}`" for kind in family.model_types)
        rows.append(f"| {types} | {_summary(module.__doc__)} | `{family.blocks}` | `{family.down_projection}` |")
    return "\n".join(rows)


def _plugins(registry: Registry) -> str:
    folder = Path(inspect.getfile(importlib.import_module(registry.package))).parent
    where = folder.relative_to(DOCS.parent / "src" / "emendo")
    rows = [f"| In `{where}/` | |", "|---|---|"]
    rows += [f"| `{name}` | {_summary(registry.get(name).__doc__)} |" for name in registry.names()]
    return "\n".join(rows)


def _summary(docstring: str | None) -> str:
    """The first paragraph, without the command's name in front."""
    first = " ".join((docstring or "").split("\n\n")[0].split())
    return re.sub(r"^`emendo \w+`: (\w)", lambda match: match[1].upper(), first)


if __name__ == "__main__":
    for path in sorted(DOCS.glob("**/*.md")):
        text = path.read_text(encoding="utf-8")
        path.write_text(render(text), encoding="utf-8")
