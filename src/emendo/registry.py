"""Find plug-in modules by file name or entry point.

A plug-in is a module; the name of its file is its name. `Registry` looks in one package and in one entry-point group, and
imports a module only when it is asked for. Emendo's own plug-in wins over one from outside of the same name.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from emendo.errors import PluginBroken, UnknownName


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
        return sorted(self._own() | self._outside().keys())

    def get(self, name: str) -> ModuleType:
        """The module of that name.

        Raises:
            UnknownName: There is no such plug-in.
            PluginBroken: One from outside cannot be imported.
        """
        if name in self._own():
            return importlib.import_module(f"{self.package}.{name}")
        outside = self._outside()
        if name not in outside:
            raise UnknownName(self.kind, name, self.names())
        point = outside[name]
        try:
            return importlib.import_module(point.module)
        except ImportError as error:
            raise PluginBroken(
                f"The {self.kind} '{name}' stands in the module '{point.module}', which cannot be imported ({error}); "
                "mend or uninstall the package that brings it."
            ) from error

    def _own(self) -> set[str]:
        path = importlib.import_module(self.package).__path__
        return {module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")}

    def _outside(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=f"emendo.{self.kind}s")}
