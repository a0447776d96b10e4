"""The pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from emendo import errors

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_specification = importlib.util.spec_from_file_location("build_tables", ROOT / "scripts" / "build_tables.py")
assert _specification is not None
assert _specification.loader is not None
build_tables = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(build_tables)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == build_tables.render(text), "run `make docs`"


def test_every_plugin_stands_on_the_page_of_plugins() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    names = [name for registry in build_tables.REGISTRIES for name in registry.names()]
    assert all(f"| `{name}` | " in page for name in names)


def test_the_error_tree_in_the_code_is_the_tree_of_the_classes() -> None:
    lines = [line[4:] for line in (errors.__doc__ or "").splitlines() if "── " in line]
    drawn = [(line.index("── ") // 4, line.split("── ")[1].split()[0]) for line in lines]

    def below(error: type[Exception], depth: int) -> list[tuple[int, str]]:
        return [row for child in error.__subclasses__() for row in ((depth, child.__name__), *below(child, depth + 1))]

    assert drawn == below(errors.EmendoError, 0)


def test_every_documented_command_exists() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = set(re.findall(r"(?:^|`)emendo ([a-z]+)", text, re.MULTILINE))
    assert commands <= set(build_tables.COMMANDS.names())


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    sections = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
