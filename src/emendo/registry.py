"""Find plug-in modules by file name or entry point.

A plug-in is a module; the name of its file is its name. `Registry` looks in one package and in one entry-point group, and
imports a module only when it is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from emendo.errors import UnknownName


class Registry:
    """The plug-ins of one kind.

    Args:
        package: Dotted name of the package whose modules are plug-ins, such as ``"emendo.edit.methods"``.
        kind: What a plug-in is called in messages, such as ``"method"``. The entry-point group is ``emendo.<kind>s``.
    """

    def __init__(self, package: str, kind: str) -> None:
        self.package = package
        self.kind = kind

    def names(self) -> list[str]:
        """The names of all plug-ins, sorted; nothing is imported but the package itself."""
        path = importlib.import_module(self.package).__path__
        own = {module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")}
        return sorted(own | {point.name for point in self._entry_points()})

    def get(self, name: str) -> ModuleType:
        """The module of that name.

        Raises:
            UnknownName: There is no such plug-in.
        """
        for point in self._entry_points():
            if point.name == name:
                module: ModuleType = point.load()
                return module
        if name not in self.names():
            raise UnknownName(self.kind, name, self.names())
        return importlib.import_module(f"{self.package}.{name}")

    def _entry_points(self) -> tuple[EntryPoint, ...]:
        return tuple(entry_points(group=f"emendo.{self.kind}s"))
