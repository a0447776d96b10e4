"""Plug-ins are found by file name or entry point, and imported only when asked for."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from emendo import registry as registry_module
from emendo.errors import PluginBroken, UnknownName
from emendo.registry import Registry


@pytest.fixture
def fruit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry over a package with the modules apple, pear and _private, whose import would fail."""
    package = tmp_path / "orchard"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "apple.py").write_text("COLOUR = 'red'\n")
    (package / "pear.py").write_text("COLOUR = 'green'\n")
    (package / "_private.py").write_text("raise RuntimeError\n")
    (tmp_path / "far_away.py").write_text("COLOUR = 'yellow'\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("orchard", "far_away")]:
        monkeypatch.delitem(sys.modules, name)
    return Registry("orchard", "fruit")


def _install(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    group = [EntryPoint(name=name, value=value, group="emendo.fruits") for name, value in points.items()]
    monkeypatch.setattr(registry_module, "entry_points", lambda group: found if group == "emendo.fruits" else [])
    found = group


def test_modules_are_named_by_their_files_and_imported_when_asked_for(fruit: Registry) -> None:
    assert fruit.names() == ["apple", "pear"]
    assert "orchard.apple" not in sys.modules
    assert fruit.get("apple").COLOUR == "red"


def test_a_new_file_is_found_at_once(fruit: Registry, tmp_path: Path) -> None:
    fruit.names()
    (tmp_path / "orchard" / "quince.py").write_text("COLOUR = 'gold'\n")
    importlib.invalidate_caches()
    assert fruit.get("quince").COLOUR == "gold"


def test_entry_points_are_found_beside_own_modules(fruit: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, banana="far_away")
    assert fruit.names() == ["apple", "banana", "pear"]
    assert fruit.get("banana").COLOUR == "yellow"


def test_own_modules_win_over_entry_points(fruit: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, pear="far_away")
    assert fruit.names() == ["apple", "pear"]
    assert fruit.get("pear").COLOUR == "green"


def test_an_unknown_name_is_answered_with_the_closest(fruit: Registry) -> None:
    with pytest.raises(UnknownName, match=r"no fruit named 'aple'\. Did you mean 'apple'\? Known: apple, pear\."):
        fruit.get("aple")
    with pytest.raises(UnknownName, match=r"no fruit named '_private'\. Known: apple, pear\."):
        fruit.get("_private")


def test_a_broken_plugin_is_named_with_its_module(fruit: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, banana="no_such_module")
    with pytest.raises(PluginBroken, match="'banana' stands in the module 'no_such_module', which cannot be imported"):
        fruit.get("banana")
