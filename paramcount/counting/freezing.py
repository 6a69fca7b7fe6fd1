"""Trainability: flags that are inherited, and rules over layers and tensors, of which the last match wins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf
from time import monotonic
from typing import NamedTuple

from paramcount.counting.globs import GlobSet, GlobStates
from paramcount.model import block_ranges
from paramcount.model.budget import scale_to_request
from paramcount.model.errors import TooLarge
from paramcount.model.layers import Layer
from paramcount.model.tensors import NO_RULE, FreezeReason

MAX_POSITION_MATCHES = 2_000_000
"""The most matches of layers by rules that choose by position."""

MAX_COPY_STEPS, MIN_COPY_STEPS, COPY_STEPS_PER_BYTE = 20_000_000, 200_000, 100
"""The steps that a request's rules may take to tell the copies of blocks apart: characters of names, by the length of
the rules; and `_STEPS_PER_VISIT` for each layer that may be one of the first or last."""

_STEPS_PER_VISIT = 8

_SELECTOR = re.compile(
    r"(?:(?P<position>first|last|all-but-first|all-but-last):(?P<count>[0-9]{1,9})(?::|\Z))?"
    r"(?P<by_type>type:)?(?P<glob>.*)",
    re.DOTALL,
)
_UNNUMBERED_POSITION = re.compile(r"(?:first|last|all-but-first|all-but-last):(?![0-9]{1,9}(?::|\Z))")


class Rule(NamedTuple):
    """A request's rule: the layers and tensors that it matches, descendants included, train or are frozen.

    `match` is a glob over the dotted paths of layers and tensors (`*` spans dots, a component `0-9,12` is each of these
    indices), or `type:GLOB` over the types of layers. Either may have a prefix `first:N`, `last:N`, `all-but-first:N`
    or `all-but-last:N`: of the outermost layers that match, in the order of the document; alone, of the model's layers.
    """

    match: str
    trainable: bool


def find_rule_problem(match: str) -> str:
    """Return the problem of a rule's `match`, or ''."""
    if not match:
        return 'must be a glob such as "backbone.*", and not empty'
    unnumbered = _UNNUMBERED_POSITION.match(match)
    return f'"{unnumbered[0]}" needs a number of layers, as in "{unnumbered[0]}10"' if unnumbered else ""


class Trainability(NamedTuple):
    """The freeze reason of a layer or tensor (None: it trains), and the number of the rule that decided it."""

    frozen_by: FreezeReason | None = None
    rule: int = NO_RULE


FROZEN = Trainability(FreezeReason("document"))


class _ParsedRule:
    """A rule in its parts."""

    def __init__(self, index: int, rule: Rule) -> None:
        parts = _SELECTOR.fullmatch(rule.match)
        assert parts
        self.trainability = Trainability(None if rule.trainable else FreezeReason("rule", index, rule.match), index)
        self.position, self.count = parts["position"] or "", int(parts["count"] or 0)
        self.is_by_type = parts["by_type"] is not None
        self.glob = parts["glob"] or ("*" if self.position else "")
        self.chosen: frozenset[str] = frozenset()  # with a position: the paths of the chosen layers

    def choose(self, paths: list[str]) -> None:
        """Choose by position among `paths`, those of the layers that match, in order."""
        cut = self.count if self.position.endswith("first") else max(0, len(paths) - self.count)
        takes_start = self.position in ("first", "all-but-last")
        self.chosen = frozenset(paths[:cut] if takes_start else paths[cut:])


class Rules:
    """The rules of one request. `prepare` comes before `decide`; `unused` are those that matched nothing yet."""

    def __init__(self, rules: Iterable[Rule] = (), deadline: float = inf) -> None:
        """`deadline` is by the monotonic clock."""
        self._rules = tuple(rules)
        self._deadline = deadline
        self._used: set[int] = set()
        self._parsed: list[_ParsedRule] = []
        self._by_path: list[int] = []  # rules whose globs are over paths, then those over types
        self._by_type: list[int] = []
        self._path_globs = self._type_globs = GlobSet(())
        self._states = GlobStates(())
        self._steps_left = scale_to_request(MAX_COPY_STEPS, MIN_COPY_STEPS, COPY_STEPS_PER_BYTE)
        self._of_types: dict[str, list[int]] = {}  # the rules that match a type

    @property
    def unused(self) -> tuple[Rule, ...]:
        return tuple([rule for index, rule in enumerate(self._rules) if index not in self._used])

    def prepare(self, root: Layer, max_copies: int) -> None:
        """Compile the rules, and find which layers are the first or last ones.

        Copies of a block are matched one by one, at most `max_copies` of them. Raises TooLarge.
        """
        self._parsed = [_ParsedRule(index, rule) for index, rule in enumerate(self._rules)]
        self._by_path = [index for index, rule in enumerate(self._parsed) if not rule.is_by_type]
        self._by_type = [index for index, rule in enumerate(self._parsed) if rule.is_by_type]
        self._path_globs = GlobSet([self._parsed[index].glob for index in self._by_path])
        self._type_globs = GlobSet([self._parsed[index].glob for index in self._by_type])
        self._states = GlobStates([self._parsed[index].glob for index in self._by_path])
        self._choose_positions(root, max_copies)

    def group_copies(self, parent: str, names: list[str]) -> list[list[str]]:
        """Return the names of a block's copies below `parent` in groups for which all rules decide alike.

        With rules that choose by position, each copy is a group. Raises TooLarge.
        """
        self._charge(self._states.count_steps(parent) + len(names) * self._states.count_steps(names[-1]))
        if any(rule.position for rule in self._parsed):
            return [[name] for name in names]
        state = self._states.advance(self._states.start, parent)
        groups: dict[int, list[str]] = {}
        for name in names:
            groups.setdefault(self._states.advance(state, name), []).append(name)
        return [*groups.values()]

    def _charge(self, steps: int) -> None:
        self._steps_left -= steps
        if self._steps_left < 0:
            raise TooLarge("has rules that tell more copies of blocks apart than a request of this length may")

    def _choose_positions(self, root: Layer, max_copies: int) -> None:
        positional = frozenset(index for index, rule in enumerate(self._parsed) if rule.position)
        matched: dict[int, list[str]] = {index: [] for index in positional}
        match_count = 0
        pending = [(positional, root, "")] if positional else []
        while pending:
            open_rules, layer, path = pending.pop()
            self._charge(_STEPS_PER_VISIT)
            hits = [index for index in self._matches(path, (layer.type,)) if index in open_rules] if path else []
            for index in hits:
                matched[index].append(path)
            match_count += len(hits)
            if match_count > MAX_POSITION_MATCHES:
                excess = "has too many layers for so many rules of first and last ones"
                raise TooLarge(excess, layer.pointer, "too_large")
            if still_open := open_rules.difference(hits) if hits else open_rules:
                prefix = f"{path}." if path else ""
                children = [copy for child in layer.children for copy in _split_copies(child, max_copies)]
                pending += [(still_open, child, prefix + child.name) for child in reversed(children)]
        for index, paths in matched.items():
            self._parsed[index].choose(paths)

    def _matches(self, path: str, types: Iterable[str]) -> list[int]:
        """Return the indices of the rules whose glob matches the path, or one of the types. Raises TooLarge."""
        if monotonic() > self._deadline:
            raise TooLarge("has rules that take too long to match")
        matches = self._path_globs.match(path) if self._by_path else []
        if self._by_type:
            matches = [self._by_path[index] for index in matches]
            for layer_type in types:
                if layer_type not in self._of_types:
                    names = (layer_type, layer_type.rpartition(".")[2])
                    indices = {index for name in names for index in self._type_globs.match(name)}
                    self._of_types[layer_type] = [self._by_type[index] for index in indices]
                matches += self._of_types[layer_type]
        return matches

    def decide(
        self,
        path: str,
        inherited: Trainability,
        flag: bool = True,
        layer_type: str | None = None,
        owner_types: tuple[str, ...] = (),
    ) -> Trainability:
        """Return the trainability of the layer of `layer_type`, or the tensor of nested `owner_types`, at `path`.

        `flag` is the document's own for it. Raises TooLarge.
        """
        trainability = inherited if flag or inherited.rule != NO_RULE else FROZEN
        for index in self._matches(path, owner_types if layer_type is None else (layer_type,)):
            rule = self._parsed[index]
            if rule.position and (layer_type is None or path not in rule.chosen):
                continue
            self._used.add(index)
            if index > trainability.rule:
                trainability = rule.trainability
        return trainability


NO_RULES = Rules()


def _split_copies(layer: Layer, max_copies: int) -> list[Layer]:
    """Return the copies of a block, each with its index as its name; a list of the layer alone without indices."""
    names = block_ranges.expand(layer.name, max_copies) if layer.repeat > 1 else []
    return [layer._replace(name=name, repeat=1) for name in names] if len(names) == layer.repeat else [layer]
