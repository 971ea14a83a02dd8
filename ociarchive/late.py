"""Modules that are imported when something of theirs is first used: what a call does not need, it does not wait for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


class Late:
    """A module by its name, which is imported at the first use. Its names are attributes, as those of a module are."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> object:
        """Return what the module has under a name. AttributeError: nothing."""
        if self._module is None:
            self._module = import_module(self._name)
        return getattr(self._module, attribute)
