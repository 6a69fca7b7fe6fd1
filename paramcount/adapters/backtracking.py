"""Expressions that refer to their groups, matched by Python's `re` where it cannot take long.

`re` tries one way after the other. The tree of an expression and the length of a name tell how many there are at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _parser as parser  # there is no other way to a tree of an expression
from typing import Any, NamedTuple

from paramcount.adapters.position_sets import TooManySteps

MAX_COST = 10**12
"""The cost beyond which it does not matter how large it is."""

RE_STEPS_PER_STEP = 64
"""The steps of `re` in the time of one step of position sets."""


class Cost(NamedTuple):
    """The cost of matching a node at one position, at most."""

    ways: int  # in which it matches
    steps: int  # until all of them were tried

    def then(self, other: Cost) -> Cost:
        """Return the cost of two nodes, one after the other."""
        return _limit(self.ways * other.ways, self.steps + self.ways * other.steps)


class BacktrackingPattern:
    """A compiled expression."""

    def __init__(self, text: str) -> None:
        self._compiled = re.compile(text)
        self._tree, self._size = parser.parse(text), len(text)
        self._steps: dict[int, int] = {}  # by the length of a name

    def fullmatch(self, text: str, max_steps: int) -> tuple[re.Match[str] | None, int]:
        """Return the match of all of a text, and the steps that this takes at most. Raises TooManySteps."""
        if (steps := self._steps.get(len(text), 0)) == 0:
            steps = self._size + _sequence(self._tree, len(text)).steps // RE_STEPS_PER_STEP
            self._steps[len(text)] = steps
        if steps > max_steps:
            raise TooManySteps
        return self._compiled.fullmatch(text), steps


def _sequence(nodes: Iterable[tuple[Any, Any]], length: int) -> Cost:
    cost = Cost(1, 1)
    for op, argument in nodes:
        cost = cost.then(_node(str(op), argument, length))
    return cost


def _node(op: str, argument: Any, length: int) -> Cost:
    """Return the cost of a node in a text of some length."""
    if op == "SUBPATTERN":
        return _sequence(argument[3], length)
    if op in ("ASSERT", "ASSERT_NOT"):
        return Cost(1, _sequence(argument[1], length).steps)
    if op == "ATOMIC_GROUP":
        return Cost(1, _sequence(argument, length).steps)
    if op == "BRANCH":
        return _sum(_sequence(nodes, length) for nodes in argument[1])
    if op == "GROUPREF_EXISTS":
        return _sum(_sequence(nodes or (), length) for nodes in argument[1:])
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        minimum, maximum, nodes = argument
        cost = _repeat(_sequence(nodes, length), min(maximum, max(minimum, length + 1)))
        return Cost(1, cost.steps) if op == "POSSESSIVE_REPEAT" else cost
    return Cost(1, 1 + length // 8 if op == "GROUPREF" else 1)


def _sum(costs: Iterable[Cost]) -> Cost:
    listed = list(costs)
    return _limit(sum(cost.ways for cost in listed), 1 + sum(cost.steps for cost in listed))


def _repeat(inner: Cost, times: int) -> Cost:
    """Return the cost of taking nodes up to so many times."""
    if inner.ways == 1:
        return _limit(1 + times, 1 + times * inner.steps)
    ways, latest, steps = 1, 1, 1
    for _ in range(times):
        steps += latest * inner.steps
        latest *= inner.ways
        ways += latest
        if steps >= MAX_COST:
            break
    return _limit(ways, steps)


def _limit(ways: int, steps: int) -> Cost:
    return Cost(min(ways, MAX_COST), min(steps, MAX_COST))
