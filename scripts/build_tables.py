"""Writes the generated parts of README.md and of the pages in docs: what stands between ``<!-- NAME -->`` and ``<!-- end -->``.

    python scripts/build_tables.py

Figures come from the files in docs/results, each with the command that made it. The tests fail while a page differs from what
this would write.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path

from emendo import errors
from emendo.cli.main import COMMANDS
from emendo.edit import METHODS
from emendo.evaluate import BENCHMARKS
from emendo.ledger import EXPORTERS
from emendo.models import ARCHITECTURES
from emendo.pieces import EXECUTORS
from emendo.registry import Registry
from emendo.verify import JUDGES, SOURCES
from emendo.verify.engines import ENGINES
from emendo.verify.tables import TABLES

# Tests load this file by its path.
sys.path.insert(0, str(Path(__file__).parent))
from result_tables import auditing, evaluation, page, probe, serving, speed, verification, verification_nli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = DOCS / "results"
REGISTRIES = (METHODS, ARCHITECTURES, BENCHMARKS, EXPORTERS, EXECUTORS, SOURCES, ENGINES, JUDGES, TABLES, COMMANDS)
RESULT_PARTS = {
    **evaluation.PARTS,
    **probe.PARTS,
    **speed.PARTS,
    **serving.PARTS,
    **page.PARTS,
    **verification.PARTS,
    **verification_nli.PARTS,
    **auditing.PARTS,
}
_PART = re.compile(r"(<!-- ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str) -> str:
    """A page with its generated parts as they should be."""
    return _PART.sub(lambda match: f"{match[1]}{_part(match[2])}\n{match[3]}", page)


def _part(name: str) -> str:
    if name == "error tree":
        return f"```\n{_errors(errors.EmendoError)}\n```"
    if name == "model types":
        return _model_types()
    if name in RESULT_PARTS:
        file, table = RESULT_PARTS[name]
        path = RESULTS / file
        return table(path) if path.is_file() else f"Not measured yet: there is no `docs/results/{file}`."
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
    return re.sub(r"^`emendo [\w-]+`: (\w)", lambda match: match[1].upper(), first)


if __name__ == "__main__":
    for path in (ROOT / "README.md", *sorted(DOCS.glob("**/*.md")), *sorted((ROOT / "src").glob("**/*.md"))):
        text = path.read_text(encoding="utf-8")
        path.write_text(render(text), encoding="utf-8")
