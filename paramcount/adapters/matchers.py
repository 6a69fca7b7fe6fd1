"""Matchers of the modules that an adapter names: PEFT's rules, most in tuners/tuners_utils.py and utils/other.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from paramcount.adapters.patterns import Pattern
from paramcount.model.errors import InvalidDocument, token

MIN_SHORTENED_NAMES = 20
"""The number of target_modules from which on PEFT shortens their names (MIN_TARGET_MODULES_FOR_OPTIMIZATION)."""

_PLAIN_NAME = re.compile(r"[^\W\d]+(\.[^\W\d]+)*", re.ASCII)


class IndexUse(Protocol):
    """A matcher that may treat the copies of a block differently."""

    @property
    def ignores_block_index(self) -> bool:
        """True where it treats all copies of a block in the same way."""
        ...


class Names:
    """A list of names: a path that is one of them, or ends with a dot and one of them."""

    def __init__(self, names: Iterable[str], *, ignores_block_index: bool = False) -> None:
        self.names = frozenset(names)
        self.ignores_block_index = ignores_block_index or all(map(_PLAIN_NAME.fullmatch, self.names))
        self._lengths = frozenset(map(len, self.names))

    def matches(self, path: str) -> bool:
        if not self.names:
            return False
        start, length = 0, len(path)  # only an ending as long as a name is looked up: a path may have many dots
        while length - start not in self._lengths or path[start:] not in self.names:
            start = path.find(".", start) + 1
            if not start:
                return False
        return True


class Endings:
    """A list of names: a path that ends with one of them, be it in the middle of a word."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self.ignores_block_index = all(map(_PLAIN_NAME.fullmatch, self.names))

    def matches(self, path: str) -> bool:
        return path.endswith(self.names)


class Components:
    """A list of expressions, each of which matches some components of a path in a row (modules_to_save)."""

    def __init__(self, names: Sequence[str], pointer: str) -> None:
        plain = [name for name in names if _PLAIN_NAME.fullmatch(name)]
        self._components = frozenset(name for name in plain if "." not in name)
        self._patterns = [
            Pattern(rf"(^|.*\.){name}($|\..*)", pointer, is_prefix=True)
            for name in names
            if name not in self._components
        ]
        self.ignores_block_index = len(plain) == len(names)

    def matches(self, path: str) -> bool:
        if not self._components.isdisjoint(path.split(".")):
            return True
        return any(pattern.matches(path) for pattern in self._patterns)


class Overrides:
    """Other values of an argument, for modules whose path an expression matches, the first that does, or is."""

    def __init__(self, values: Mapping[str, int], template: str, pointer: str) -> None:
        self._patterns = [
            (Pattern(template.format(key), pointer + token(key), is_prefix=True), value)
            for key, value in values.items()
        ]
        self._values = values
        self.ignores_block_index = all(map(_PLAIN_NAME.fullmatch, values))

    def get(self, path: str) -> int | None:
        matched = next((value for pattern, value in self._patterns if pattern.matches(path)), None)
        return self._values.get(path) if matched is None else matched

    def add(self, pattern: Pattern, value: int) -> None:
        self._patterns.append((pattern, value))


class BlockFilter:
    """layers_to_transform: a path's index in the first list of blocks, or in one that layers_pattern names."""

    _ANY_LIST = r".*?\.[^.]*\.(?P<idx>\d+)\."

    def __init__(self, config: Mapping[str, Any]) -> None:
        stated = config.get("layers_to_transform")
        self.is_set = stated is not None and stated != []
        self._indices = frozenset([stated] if isinstance(stated, int) else stated or ())
        lists = config.get("layers_pattern") or []
        names = [lists] if isinstance(lists, str) else list(lists)
        texts = [rf"(?:^|.*?\.){name}\.(?P<idx>\d+)\." for name in names] or [self._ANY_LIST]
        self._patterns = [
            Pattern(text, "/layers_pattern", is_prefix=True, captures=True) for text in texts if self.is_set
        ]

    def matches(self, path: str) -> bool:
        """Return whether the module at `path` is in one of the blocks."""
        if not self.is_set:
            return True
        index = next((index for pattern in self._patterns if (index := pattern.group(path, "idx"))), None)
        return index is not None and int(index) in self._indices


class TargetMatcher:
    """The modules that are adapted: target_modules, without those that are excluded or saved."""

    def __init__(self, config: Mapping[str, Any], targets: str | Sequence[str] | Names, saved: Sequence[str]) -> None:
        self._excluded = compile_names(config.get("exclude_modules") or (), "/exclude_modules")
        self._saved = Components(saved, "/modules_to_save")
        self._targets = compile_names(targets, "/target_modules")
        self._blocks = BlockFilter(config)
        many = isinstance(self._targets, Names) and len(self._targets.names) >= MIN_SHORTENED_NAMES
        if self._blocks.is_set and many:
            detail = f"goes with at most {MIN_SHORTENED_NAMES - 1} target_modules: of more, PEFT makes other names"
            raise InvalidDocument(detail, "/layers_to_transform", "unsupported")

    @property
    def ignores_block_index(self) -> bool:
        """True where all copies of a block are adapted in the same way."""
        parts: tuple[IndexUse, ...] = (self._excluded, self._saved, self._targets)
        return not self._blocks.is_set and all(part.ignores_block_index for part in parts)

    def matches(self, path: str) -> bool:
        """Return whether the module at `path` is adapted (check_target_module_exists)."""
        if not self._targets.matches(path) or self._excluded.matches(path) or self._saved.matches(path):
            return False
        named = isinstance(self._targets, Names) and path in self._targets.names
        return named or self._blocks.matches(path)


def compile_names(stated: str | Sequence[str] | Names, pointer: str) -> Names | Pattern:
    """Compile a list of names, or a string, which is an expression whatever it looks like."""
    if isinstance(stated, str):
        return Pattern(stated, pointer)
    return stated if isinstance(stated, Names) else Names(stated)
