"""Who trains: flags that are inherited, and rules over layers and tensors, of which the last match wins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf
from time import monotonic
from typing import NamedTuple

from paramcount.counting import globs
from paramcount.model import block_ranges
from paramcount.model.errors import TooLarge
from paramcount.model.layers import Layer
from paramcount.model.tensors import FreezeReason

MAX_GLOB_CHARACTERS = 100_000
"""How many characters the rules of one request may have: compiling takes some 15 µs for each."""

MAX_POSITION_CHECKS = 2_000_000
"""How often rules that choose by position may look at a layer."""

MAX_MATCH_STEPS = 50_000_000
"""How many steps one look may take, the characters of a path times those of all globs: some hundred milliseconds."""

_SELECTOR = re.compile(
    r"(?:(?P<which>first|last|all-but-first|all-but-last):(?P<count>[0-9]{1,9})(?::|\Z))?"
    r"(?P<by_type>type:)?(?P<glob>.*)",
    re.DOTALL,
)
_POSITION = re.compile(r"(?:first|last|all-but-first|all-but-last):(?![0-9]{1,9}(?::|\Z))")


class Rule(NamedTuple):
    """Whether what is matched trains; a layer's verdict holds for everything beneath it.

    `match` is a glob over the dotted paths of layers and tensors (`*` spans dots, a component `0-9,12` is each of these
    indices), or `type:GLOB` over the types of layers. Before either may stand `first:N`, `last:N`, `all-but-first:N` or
    `all-but-last:N`: of the outermost layers that match, in the order of the document; alone, of the model's layers.
    """

    match: str
    trainable: bool


def find_rule_problem(match: str) -> str:
    """What is wrong with the `match` of a rule; '' where nothing is."""
    found = _POSITION.match(match)
    return f'"{found[0]}" needs a number of layers, as in "{found[0]}10"' if found else ""


class Trainability(NamedTuple):
    """Whether something trains: why it does not, and which rule said so (-1: the document)."""

    frozen_by: FreezeReason | None = None
    rule: int = -1


FROZEN = Trainability(FreezeReason("document"))


class _Matcher:
    """A rule, compiled."""

    def __init__(self, index: int, rule: Rule) -> None:
        found = _SELECTOR.fullmatch(rule.match)
        assert found
        self.verdict = Trainability(None if rule.trainable else FreezeReason("rule", index, rule.match), index)
        self.which, self.number = found["which"] or "", int(found["count"] or 0)
        self.by_type = found["by_type"] is not None
        self.pattern = globs.compiled(found["glob"] or ("*" if self.which else ""))
        self.chosen: frozenset[str] = frozenset()  # the paths of the layers meant, where their position decides

    def names(self, path: str, kinds: Iterable[str]) -> bool:
        """Whether the path, or one of the types, matches."""
        if not self.by_type:
            return self.pattern.fullmatch(path) is not None
        return any(self.pattern.fullmatch(name) for kind in kinds for name in (kind, kind.rpartition(".")[2]))

    def choose(self, paths: list[str]) -> None:
        """Of the layers that are named, in order, those that are meant."""
        cut = self.number if self.which.endswith("first") else max(0, len(paths) - self.number)
        before = self.which in ("first", "all-but-last")
        self.chosen = frozenset(paths[:cut] if before else paths[cut:])


class Rules:
    """Rules; `prepare` comes before `decide`. `unused` are those that have matched nothing yet."""

    def __init__(self, rules: Iterable[Rule] = (), until: float = inf) -> None:
        self._rules = tuple(rules)
        self._until = until  # by the monotonic clock
        self._length = sum(len(rule.match) for rule in self._rules)
        self._used: set[int] = set()
        self._matchers: list[_Matcher] = []
        self._others: list[_Matcher] = []
        self._any_glob = re.compile("")

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def unused(self) -> tuple[Rule, ...]:
        return tuple([rule for index, rule in enumerate(self._rules) if index not in self._used])

    def prepare(self, root: Layer, copies: int) -> None:
        """Compile the rules, and settle which layers are the first or last ones; at most `copies` of a block are told
        apart. Raises TooLarge."""
        if self._length > MAX_GLOB_CHARACTERS:
            raise TooLarge(f"has rules of more than {MAX_GLOB_CHARACTERS:,} characters")
        self._matchers = [_Matcher(index, rule) for index, rule in enumerate(self._rules)]
        # Most paths match no glob at all, and one expression of all of them says so at once.
        globbing = [matcher for matcher in self._matchers if not matcher.which and not matcher.by_type]
        self._others = [matcher for matcher in self._matchers if matcher.which or matcher.by_type]
        self._any_glob = re.compile("|".join(f"(?:{matcher.pattern.pattern})" for matcher in globbing), re.DOTALL)
        self._choose(root, copies)

    def _choose(self, root: Layer, copies: int) -> None:
        positional = tuple(matcher for matcher in self._matchers if matcher.which)
        found: dict[_Matcher, list[str]] = {matcher: [] for matcher in positional}
        looks = 0
        waiting = [(positional, root, "")] if positional else []
        while waiting:
            asking, layer, path = waiting.pop()
            self._look(path)
            still: list[_Matcher] = []
            for matcher in asking:
                if path and matcher.names(path, (layer.type,)):
                    found[matcher].append(path)
                else:
                    still.append(matcher)
            looks += len(asking)
            if looks > MAX_POSITION_CHECKS:
                raise TooLarge(
                    "has too many layers for so many rules of first and last ones", layer.pointer, "too_large"
                )
            if still:
                prefix = f"{path}." if path else ""
                beneath = [each for child in layer.children for each in _copies(child, copies)]
                waiting += [(tuple(still), child, prefix + child.name) for child in reversed(beneath)]
        for matcher, paths in found.items():
            matcher.choose(paths)

    def _look(self, path: str) -> None:
        """Refuse a path that is too long for so many rules, or that comes too late."""
        if len(path) * self._length > MAX_MATCH_STEPS:
            raise TooLarge(f"has a path of {len(path):,} characters, too long for rules of {self._length:,} characters")
        if monotonic() > self._until:
            raise TooLarge("has rules that take too long to match")

    def decide(
        self,
        path: str,
        inherited: Trainability,
        flag: bool = True,
        kind: str | None = None,
        layer_types: tuple[str, ...] = (),
    ) -> Trainability:
        """Whether what stands at `path`: a layer of type `kind`, or a tensor of `layer_types`.

        `flag` is the document's own word on it. Raises TooLarge.
        """
        self._look(path)
        verdict = inherited if flag or inherited.rule >= 0 else FROZEN
        kinds = layer_types if kind is None else (kind,)
        for matcher in self._matchers if self._any_glob.fullmatch(path) else self._others:
            index = matcher.verdict.rule
            if index in self._used and index < verdict.rule:
                continue
            if kind is not None and path in matcher.chosen if matcher.which else matcher.names(path, kinds):
                self._used.add(index)
                if index > verdict.rule:
                    verdict = matcher.verdict
        return verdict


NO_RULES = Rules()


def _copies(layer: Layer, most: int) -> list[Layer]:
    """A layer, or each of its copies where their names tell them apart."""
    names = block_ranges.expand(layer.name, most) if layer.repeat > 1 else []
    return [layer._replace(name=name, repeat=1) for name in names] if len(names) == layer.repeat else [layer]
