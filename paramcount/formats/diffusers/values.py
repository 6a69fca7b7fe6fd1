"""The values of a component's config, with the defaults of its class, checked as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paramcount.model.errors import InvalidDocument, token
from paramcount.model.layers import Layer
from paramcount.schema.signature import is_dimension
from paramcount.schema.validator import format_value

Builders = Mapping[str, Callable[[Mapping[str, Any]], Layer]]
"""Functions that build the models of classes of their configs."""

MAX_BLOCKS = 100
"""The most items of a list: a block each."""

MAX_LAYERS = 200
"""The most layers of a block, each of which is made by itself."""


class Values:
    """A config.json, read as its class reads it: fields that it does not have are ignored.

    What is returned is checked; all methods raise InvalidDocument.
    """

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        used_defaults = config.get("_use_default_values") or ()
        stated = {name: value for name, value in config.items() if name in defaults and name not in used_defaults}
        self._defaults = defaults
        self._values = dict(defaults) | stated

    def __contains__(self, name: str) -> bool:
        return name in self._defaults

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def size(self, name: str) -> int:
        """An integer of at least 1."""
        return self._check(self._values[name], token(name))

    def optional(self, name: str) -> int | None:
        """A size, or None; None where the class has no such field."""
        return None if self._values.get(name) is None else self.size(name)

    def layers(self, name: str) -> int:
        """A number of layers."""
        count = self.size(name)
        if count > MAX_LAYERS:
            raise InvalidDocument(f"must be at most {MAX_LAYERS}", token(name), "too_large")
        return count

    def sizes(self, name: str, count: int | None = None) -> list[int]:
        """A list of sizes; `count` of them, where one may stand for all."""
        value = self._values[name]
        if count is not None and not isinstance(value, list | tuple):
            return [self.size(name)] * count
        items = self._items(name, count)
        return [self._check(item, f"{token(name)}/{position}") for position, item in enumerate(items)]

    def layers_each(self, name: str, count: int) -> list[int]:
        """A number of layers for each block."""
        sizes = self.sizes(name, count)
        if max(sizes, default=0) > MAX_LAYERS:
            raise InvalidDocument(f"must be at most {MAX_LAYERS}", token(name), "too_large")
        return sizes

    def count(self, name: str) -> int:
        """A number of layers, which may be none."""
        return _check_count(self._values[name], token(name))

    def counts(self, name: str) -> list[int]:
        """Numbers of layers, of which a block may have none."""
        items = self._items(name, None)
        return [_check_count(item, f"{token(name)}/{position}") for position, item in enumerate(items)]

    def length(self, name: str, least: int) -> int:
        """The number of items of a list that may be longer than what is used of it."""
        value = self._values[name]
        return max(least, len(value)) if isinstance(value, list | tuple) else least

    def layer_lists(self, name: str, counts: Sequence[int], *, nested: bool = True) -> list[list[int]]:
        """A number of layers for each of `counts` modules of each block; one may stand for all of a block, or of all.

        A number may be 0. A block may have a list of them where `nested`.
        """
        value = self._values[name]
        items = self._items(name, len(counts)) if isinstance(value, list | tuple) else [value] * len(counts)
        return [
            self._layer_list(item, count, f"{token(name)}/{position}", nested=nested)
            for position, (item, count) in enumerate(zip(items, counts, strict=True))
        ]

    def layer_list(self, name: str, count: int) -> list[int]:
        """A number of layers for each of `count` modules, or one for all. It may be 0."""
        return self._layer_list(self._values[name], count, token(name), nested=True)

    @staticmethod
    def _layer_list(value: Any, count: int, pointer: str, *, nested: bool) -> list[int]:
        items = value if nested and isinstance(value, list | tuple) else [value] * count
        if len(items) != count or not all(type(item) is int and 0 <= item <= MAX_LAYERS for item in items):
            detail = f"must be an integer from 0 to {MAX_LAYERS}" + f", or {count} of them" * nested
            raise InvalidDocument(detail, pointer)
        return list(items)

    def flag(self, name: str) -> bool:
        value = self._values[name]
        if not isinstance(value, bool):
            raise InvalidDocument(f"must be true or false, not {format_value(value)}", token(name))
        return value

    def flags(self, name: str, count: int) -> list[bool]:
        """A flag for each block, or one for all."""
        if isinstance(self._values[name], bool):
            return [self._values[name]] * count
        items = self._items(name, count)
        if not all(isinstance(item, bool) for item in items):
            raise InvalidDocument("must hold true and false", token(name))
        return list(items)

    def choice(self, name: str, *verified: str | bool | None) -> Any:
        """A value that was verified; None where the class has no such field."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not any(value is one or (isinstance(one, str) and value == one) for one in verified):
            raise InvalidDocument(f"{format_value(value)} was not verified", token(name), "unsupported")
        return value

    def choices(self, name: str, count: int, verified: Sequence[str]) -> list[str]:
        """A list of words that were verified."""
        items = self._items(name, count)
        for position, item in enumerate(items):
            if item not in verified:
                detail = f"{format_value(item)} was not verified"
                raise InvalidDocument(detail, f"{token(name)}/{position}", "unsupported")
        return list(items)

    def _items(self, name: str, count: int | None) -> Sequence[Any]:
        value = self._values[name]
        if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_BLOCKS:
            raise InvalidDocument(f"must be a list of at most {MAX_BLOCKS}, not {format_value(value)}", token(name))
        if count is not None and len(value) != count:
            raise InvalidDocument(f"must have {count} items, one a block", token(name))
        return value

    @staticmethod
    def _check(value: Any, pointer: str) -> int:
        if type(value) is not int or not is_dimension(value) or value < 1:
            raise InvalidDocument(f"must be an integer of at least 1, not {format_value(value)}", pointer)
        return value


def _check_count(value: Any, pointer: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_LAYERS:
        raise InvalidDocument(f"must be an integer from 0 to {MAX_LAYERS}, not {format_value(value)}", pointer)
    return value
