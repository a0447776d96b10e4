"""The pages say what the code says."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from emendo import errors
from emendo.models import Architecture

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])
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


@pytest.mark.parametrize("part", sorted(build_tables.RESULT_PARTS))
def test_a_table_of_results_is_a_sentence_until_there_are_results(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_tables, "RESULTS", tmp_path)
    page = f"Before.\n\n<!-- {part} -->\nan old table\n<!-- end -->\nAfter.\n"
    rendered = build_tables.render(page)
    assert "Not measured yet: there is no `docs/results/" in rendered
    assert "old table" not in rendered
    assert rendered.startswith("Before.")
    assert rendered.endswith("<!-- end -->\nAfter.\n")
    assert build_tables.render(rendered) == rendered


def test_the_table_of_methods_holds_what_the_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_tables, "RESULTS", tmp_path)
    report = json.loads((ROOT / "docs" / "results" / "counterfact_rome.json").read_text())
    document = {"command": "emendo eval counterfact --methods rome,memit", "date": "2026-01-02T03:04:05+00:00"}
    plain = {**report, "config": {}}
    document["reports"] = [plain, {**plain, "method": "memit", "refused": 7, "config": {"layers": [1], "steps": 30}}]
    (tmp_path / "methods_counterfact.json").write_text(json.dumps(document))
    rendered = build_tables.render("<!-- quality -->\n<!-- end -->\n")
    rows = [line for line in rendered.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].startswith("| unedited | 40.0 (32.3–46.4) |")
    assert rows[3].startswith("| `rome` | 86.3 (82.1–89.8) | 100.0 (96.3–100.0) | 98.5 (96.5–100.0) |")
    assert rows[4].startswith("| `memit`, steps=30 |")
    assert rows[4].endswith("| 7 | 100 |")
    assert "score (S)\\*" in rows[0]
    assert "Command: `emendo eval counterfact --methods rome,memit`" in rendered
    assert "2026-01-02. " in rendered


def test_the_table_of_speed_holds_what_the_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_tables, "RESULTS", tmp_path)
    one = {"n": 20, "ratio": {"median": 3.04, "least": 2.0, "greatest": 4.5}}
    score = {"figures": {"score": [0.85, 0.8, 0.9]}}
    one |= {"own": {"median_seconds": 2.5, **score}, "published": {"median_seconds": 7.5, **score}}
    document = {
        "command": "python benchmarks/speed.py counterfact",
        "date": "2026-01-02",
        "settings": {"method": "rome"},
        "sequence": {"n": 5, "seconds_an_edit": {"0": 1.0, "1000": 1.1}, "share_of_solve": {"0": 0.01, "1000": 0.02}},
        "memory": {"weights_gigabytes": 0.54, "loaded_gigabytes": 1.2, "peak_gigabytes": 1.9},
        "one edit": one,
        "batch": {
            "n": 100,
            "seconds_an_edit": {"separately": 1.0, "together": 0.5},
            "ratio": {"separately": 7.5, "together": 15.0},
            "figures": {"separately": score["figures"], "together": score["figures"]},
        },
        "second moments": {
            "tokens": 4096,
            "ratio": {"all layers": 20.0},
            "seconds": {"all layers": {"own": 2.0, "published, one layer": 1.25}},
        },
    }
    (tmp_path / "speed.json").write_text(json.dumps(document))
    rendered = build_tables.render("<!-- speed -->\n<!-- end -->\n")
    assert "| one edit | 3.0 (median; 2.0–4.5) | 2.5 | 7.5 | 20 | 85.0 (80.0–90.0), published 85.0 (80.0–90.0) |" in rendered
    assert "| a batch, solved together, an edit | 15.0 | 0.5 | 7.5 | 100 | 85.0 (80.0–90.0) |" in rendered
    assert (
        "After 0, 1,000 earlier edits an edit takes 1.00, 1.10 s (median of 5), and 1.0, 2.0 % of it is the solve."
        in rendered
    )
    assert "needs 1.90 GB at its peak, 0.70 GB more than with the model loaded" in rendered
    assert "| second moments, all layers | 20.0 | 2 | 40 | 4,096 tokens | – |" in rendered
    assert "Command: `python benchmarks/speed.py counterfact`" in rendered


def test_the_tables_of_verification_hold_what_the_files_hold() -> None:
    page = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    found = json.loads((ROOT / "docs" / "results" / "verification.json").read_text(encoding="utf-8"))
    for name, row in {**found["rows"], **{f"attack: {name}": row for name, row in found["attacks"].items()}}.items():
        recall = 100 * row["recall of refuted"][0]
        assert f"| {name} | {row['n']} | " in page
        assert f"| {recall:.1f} (" in next(line for line in page.splitlines() if line.startswith(f"| {name} |"))


def test_every_plugin_stands_on_the_page_of_plugins() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    names = [name for registry in build_tables.REGISTRIES for name in registry.names()]
    assert all(f"| `{name}` | " in page for name in names)


def test_the_family_on_the_page_of_plugins_is_where_it_says() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(example, defined)  # noqa: S102 - the page's own example
    family: Architecture = defined["ARCHITECTURE"]
    fields = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    network = AutoModelForCausalLM.from_config(AutoConfig.for_model(family.model_types[0], **fields))
    block = network.get_submodule(f"{family.blocks}.0")
    for path in (family.attention, family.mlp, *family.up_projections, family.activation, family.down_projection):
        block.get_submodule(path)
    network.get_submodule(family.final_norm)


def test_the_error_tree_in_the_code_is_the_tree_of_the_classes() -> None:
    lines = [line[4:] for line in (errors.__doc__ or "").splitlines() if "── " in line]
    drawn = [(line.index("── ") // 4, line.split("── ")[1].split()[0]) for line in lines]

    def below(error: type[Exception], depth: int) -> list[tuple[int, str]]:
        return [row for child in error.__subclasses__() for row in ((depth, child.__name__), *below(child, depth + 1))]

    assert drawn == below(errors.EmendoError, 0)


def test_every_documented_command_exists() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = set(re.findall(r"(?:^|`)emendo ([a-z][a-z-]*)", text, re.MULTILINE))
    assert commands <= {name.replace("_", "-") for name in build_tables.COMMANDS.names()}


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    sections = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
