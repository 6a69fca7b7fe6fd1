"""Objects of a pickle: names and records, where Python would make objects of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_KEY_BITS = 64
_MAX_KEY_PARTS = 8

NO_ATTRIBUTES: Mapping[Any, Any] = {}


class Global:
    """A class or a function, by name. One name is one object."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    @property
    def path(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.name}"


class Key:
    """A key of a dict that is no text: equal only to itself, so that no nested value is ever hashed."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __str__(self) -> str:
        return _format_key(self.value)


class Instance:
    """An object that a pickle describes: its class or function, its arguments, and what was put into it later."""

    __slots__ = ("args", "entries", "items", "state", "type")

    def __init__(self, kind: Any, args: Any) -> None:
        self.type, self.args = kind, args
        self.state: Any = None
        self.items: list[Any] | None = None  # of a subclass of list or set
        self.entries: dict[Any, Any] | None = None  # of a subclass of dict

    @property
    def class_name(self) -> str:
        """The name of its class, or of the function that makes it; '' where that is no name."""
        return self.type.name if isinstance(self.type, Global) else ""

    @property
    def attributes(self) -> Mapping[Any, Any]:
        """Its attributes by name, as far as its state is such."""
        if isinstance(self.state, dict):
            return self.state
        if isinstance(self.state, tuple) and len(self.state) == 2:  # __dict__ and __slots__
            parts = [part for part in self.state if isinstance(part, dict)]
            return {name: value for part in parts for name, value in part.items()}
        return NO_ATTRIBUTES


def _format_key(value: Any) -> str:
    """Return a key as a part of a name; '?' for what is long or nested."""
    if isinstance(value, tuple) and len(value) <= _MAX_KEY_PARTS and not any(isinstance(part, tuple) for part in value):
        parts = ", ".join(map(_format_key, value))
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, int):
        return str(value) if value.bit_length() <= MAX_KEY_BITS else "?"
    if isinstance(value, str):
        return repr(value)
    return str(value) if isinstance(value, float | None) else "?"
