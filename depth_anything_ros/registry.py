"""Tables from a name to an object, imported on first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

from depth_anything_ros.errors import ConfigError, UnknownNameError

T = TypeVar('T')


class Registry(Mapping[str, T], Generic[T]):
    """
    Map names to objects given directly or as 'module:attribute'.

    :param kind: what an entry is, for error messages: 'backend', 'decoder'.
    :param entries: the table; strings are import paths, resolved on first use.
    """

    def __init__(self, kind: str, entries: Mapping[str, T | str]) -> None:
        self._kind = kind
        self._entries: dict[str, T | str] = dict(entries)

    def __getitem__(self, name: str) -> T:
        """
        Return the entry of that name.

        :raises UnknownNameError: if there is none; the message lists the known names.
        """
        if name not in self._entries:
            known = ', '.join(self._entries)
            raise UnknownNameError(f"unknown {self._kind} '{name}'; known: {known}")
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(':')
            entry = getattr(import_module(module), attribute)
            self._entries[name] = entry
        return entry

    def add(self, name: str, entry: T | str) -> None:
        """
        Add an entry from outside the table, as a plug-in or a test does.

        :param entry: as in the table: the object, or its import path.
        :raises ConfigError: if the name is taken.
        """
        if name in self._entries:
            raise ConfigError(f"there is a {self._kind} '{name}' already")
        self._entries[name] = entry

    def __contains__(self, name: object) -> bool:
        """Return whether the name is known, without importing anything."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in the order of the table."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)
