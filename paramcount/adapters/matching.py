"""Which modules an adapter means: PEFT's rules, most of them in tuners/tuners_utils.py and utils/other.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from paramcount.adapters.patterns import Pattern
from paramcount.model.errors import InvalidDocument, token

Test = Callable[[str], bool]

_PLAIN = re.compile(r"[^\W\d]+(\.[^\W\d]+)*", re.ASCII)


class Names:
    """A list of names: a path that is one of them, or ends with a dot and one of them."""

    def __init__(self, names: Iterable[str], blind: bool = False) -> None:
        self.names = frozenset(names)
        self.blind = blind or all(map(_PLAIN.fullmatch, self.names))

    def matches(self, path: str) -> bool:
        while path not in self.names:
            _, dot, path = path.partition(".")
            if not dot:
                return False
        return True


class Endings:
    """A list of names: a path that ends with one of them, be it in the middle of a word."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self.blind = all(map(_PLAIN.fullmatch, self.names))

    def matches(self, path: str) -> bool:
        return path.endswith(self.names)


class Components:
    """A list of expressions, each of which matches some components of a path in a row (modules_to_save)."""

    def __init__(self, names: Iterable[str], pointer: str) -> None:
        plain = [name for name in names if _PLAIN.fullmatch(name)]
        self._plain = frozenset(name for name in plain if "." not in name)
        others = [name for name in names if name not in self._plain]
        self._patterns = [begins(rf"(^|.*\.){name}($|\..*)", pointer) for name in others]
        self.blind = len(plain) == len(list(names))

    def matches(self, path: str) -> bool:
        return not self._plain.isdisjoint(path.split(".")) or any(pattern.matches(path) for pattern in self._patterns)


def begins(text: str, pointer: str) -> Pattern:
    """What re.match finds: the whole of a path, or its beginning."""
    return Pattern(f"(?:{text})(?s:.*)", pointer)


def names_or_pattern(given: str | Sequence[str] | Names, pointer: str) -> Names | Pattern:
    """What `given` means: a string is an expression, whatever it looks like."""
    if isinstance(given, str):
        return Pattern(given, pointer)
    return given if isinstance(given, Names) else Names(given)


class Values:
    """Other values of an argument for modules whose path an expression matches; the first that does."""

    def __init__(self, given: Mapping[str, int], form: str, pointer: str) -> None:
        self._patterns = [(begins(form.format(key), pointer + token(key)), value) for key, value in given.items()]
        self.blind = all(map(_PLAIN.fullmatch, given))

    def get(self, path: str, default: Any) -> Any:
        return next((value for pattern, value in self._patterns if pattern.matches(path)), default)

    def append(self, pattern: Pattern, value: int) -> None:
        self._patterns.append((pattern, value))


class Layers:
    """layers_to_transform: the index that a path has, in the first list of layers or in one that is named."""

    _ANY = r".*?\.[^.]*\.(?P<idx>\d+)\."

    def __init__(self, config: Mapping[str, Any]) -> None:
        wanted = config.get("layers_to_transform")
        self.wanted = frozenset([wanted] if isinstance(wanted, int) else wanted or ())
        self.given = wanted is not None and wanted != []
        stated = config.get("layers_pattern") or []
        names = [stated] if isinstance(stated, str) else list(stated)
        texts = [rf"(?:^|.*?\.){name}\.(?P<idx>\d+)\." for name in names] or [self._ANY]
        self._patterns = [Pattern(text + "(?s:.*)", "/layers_pattern") for text in texts] if self.given else []

    def matches(self, path: str) -> bool:
        """Whether the module at `path` stands in a layer that is meant."""
        if not self.given:
            return True
        found = next((index for pattern in self._patterns if (index := pattern.group(path, "idx"))), None)
        return found is not None and int(found) in self.wanted


class Matcher:
    """Tells which modules are adapted."""

    def __init__(self, config: Mapping[str, Any], targets: str | Sequence[str] | Names, saved: Sequence[str]) -> None:
        excluded = config.get("exclude_modules") or ()
        self._excluded = names_or_pattern(excluded, "/exclude_modules")
        self._saved = Components(saved, "/modules_to_save")
        self._targets = names_or_pattern(targets, "/target_modules")
        self._layers = Layers(config)
        if self._layers.given and isinstance(self._targets, Names) and len(self._targets.names) >= _MANY:
            raise InvalidDocument(
                f"goes with at most {_MANY - 1} target_modules: of more, PEFT makes other names",
                "/layers_to_transform",
                "unsupported",
            )

    @property
    def blind(self) -> bool:
        """Whether all copies of a block are alike to it."""
        parts = (self._excluded, self._saved, self._targets)
        return not self._layers.given and all(part.blind for part in parts)

    def excludes(self, path: str) -> bool:
        return self._excluded.matches(path) or self._saved.matches(path)

    def adapts(self, path: str) -> bool:
        """Whether the module at `path` is adapted (check_target_module_exists)."""
        if not self._targets.matches(path) or self.excludes(path):
            return False
        stated = isinstance(self._targets, Names) and path in self._targets.names
        return stated or self._layers.matches(path)


_MANY = 20
"""From how many names on PEFT makes them shorter (MIN_TARGET_MODULES_FOR_OPTIMIZATION)."""
