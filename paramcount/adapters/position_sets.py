"""Expressions with lookarounds, matched in bounded time: a set of positions in a name is the bits of one integer.

The tree is that of Python's own parser, so that an expression means what it means to `re`. A step takes the positions
from which an expression may match to those at which it may end, all at once, and never tries one after the other.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from re import _parser as parser  # there is no other way to a tree of an expression
from typing import Any

PRINTABLE = "".join(map(chr, range(32, 127)))
"""The characters of all names that expressions are held against."""

Step = Callable[["Name", int], int]
"""A function from the positions at which an expression begins to those at which it ends, or back."""

_CHARACTERS = frozenset(("LITERAL", "NOT_LITERAL", "ANY", "IN"))
"""The nodes that match one character."""

_WORD = frozenset(string.ascii_letters + string.digits + "_")
_CATEGORIES = {"DIGIT": frozenset(string.digits), "SPACE": frozenset(" "), "WORD": _WORD}
_MAX_ASCII = 127


class NotRegular(Exception):
    """An expression that needs more than sets of positions: a reference to a group, or an atomic one."""


class TooManySteps(Exception):
    """An expression that takes more steps than it may."""


class Name:
    """A name that expressions are held against, and where its parts stand in it."""

    def __init__(self, text: str, max_steps: int) -> None:
        self.end = 1 << len(text)
        self.everywhere = 2 * self.end - 1
        self.assertions: dict[Step, int] = {}
        self.steps = 0
        self._text, self._max_steps = text, max_steps
        self._unit = 1 + len(text) // 256  # an operation on more bits takes longer
        self._masks: dict[str | frozenset[str], int] = {}

    def charge(self, steps: int) -> None:
        """Count some steps. Raises TooManySteps."""
        self.steps += steps * self._unit
        if self.steps > self._max_steps:
            raise TooManySteps

    def find(self, word: str) -> int:
        """Return the positions at which a word stands."""
        mask = self._masks.get(word)
        if mask is None:
            mask = 0
            self.charge(1)
            index = self._text.find(word)
            while index >= 0:
                mask |= 1 << index
                self.charge(1)
                index = self._text.find(word, index + 1)
            self._masks[word] = mask
        return mask

    def find_any(self, characters: frozenset[str]) -> int:
        """Return the positions at which any of some characters stands."""
        mask = self._masks.get(characters)
        if mask is None:
            mask = 0
            for character in characters.intersection(self._text):
                mask |= self.find(character)
            self._masks[characters] = mask
        return mask


class PositionPattern:
    """A compiled expression. Raises NotRegular."""

    def __init__(self, text: str) -> None:
        tree = parser.parse(text)
        self._match = _Compiler(is_forward=True).sequence(tree, tree.state.flags)

    def fullmatch(self, text: str, max_steps: int) -> tuple[bool, int]:
        """Return whether all of a text matches, and the steps that this took. Raises TooManySteps."""
        name = Name(text, max_steps)
        return self._match(name, 1) & name.end != 0, name.steps


class _Compiler:
    """Makes steps of a tree, in one direction."""

    def __init__(self, *, is_forward: bool) -> None:
        self._is_forward = is_forward

    def sequence(self, nodes: Iterable[tuple[Any, Any]], flags: int) -> Step:
        """Return a step through one node after the other."""
        steps: list[Step] = []
        for is_word, run in groupby(nodes, lambda node: str(node[0]) == "LITERAL" and not flags & re.IGNORECASE):
            if is_word:
                steps.append(self._word("".join(chr(code) for _, code in run)))
            else:
                steps += [self._node(str(op), argument, flags) for op, argument in run]
        if not self._is_forward:
            steps.reverse()
        cost = 1 + len(steps)

        def step(name: Name, positions: int) -> int:
            name.charge(cost)
            for inner in steps:
                positions = inner(name, positions)
                if not positions:
                    break
            return positions

        return step

    def _node(self, op: str, argument: Any, flags: int) -> Step:
        if op in _CHARACTERS:
            return self._character(_list_characters(op, argument, flags))
        if op == "SUBPATTERN":
            _, added, removed, nodes = argument
            return self.sequence(nodes, (flags | added) & ~removed)
        if op == "BRANCH":
            return _either([self.sequence(nodes, flags) for nodes in argument[1]])
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            minimum, maximum, nodes = argument
            return self._repeat(minimum, maximum, nodes, flags)
        if op in ("ASSERT", "ASSERT_NOT"):
            direction, nodes = argument
            inner = _Compiler(is_forward=direction < 0).sequence(nodes, flags)
            return _assert(lambda name: inner(name, name.everywhere), negated=op == "ASSERT_NOT")
        if op == "AT":
            return _at(str(argument))
        if op == "FAILURE":  # (?!)
            return lambda _name, _positions: 0
        raise NotRegular(op)

    def _repeat(self, minimum: int, maximum: int, nodes: Sequence[tuple[Any, Any]], flags: int) -> Step:
        inner = self.sequence(nodes, flags)
        ops = [str(op) for op, _ in nodes]
        if maximum is parser.MAXREPEAT and len(ops) == 1 and ops[0] in _CHARACTERS:
            return _in_turn(_repeat(inner, minimum, minimum), self._run(_list_characters(ops[0], nodes[0][1], flags)))
        return _repeat(inner, minimum, int(maximum))

    def _word(self, word: str) -> Step:
        length = len(word)
        if self._is_forward:
            return lambda name, positions: (positions & name.find(word)) << length
        return lambda name, positions: positions >> length & name.find(word)

    def _character(self, characters: frozenset[str]) -> Step:
        if self._is_forward:
            return lambda name, positions: (positions & name.find_any(characters)) << 1
        return lambda name, positions: positions >> 1 & name.find_any(characters)

    def _run(self, characters: frozenset[str]) -> Step:
        """Return a step over any number of some characters, by twice as many at each turn."""

        def forward(name: Name, positions: int) -> int:
            passable, width = name.find_any(characters) << 1, 1
            while passable:
                positions |= positions << width & passable
                passable &= passable << width
                width *= 2
            return positions

        def backward(name: Name, positions: int) -> int:
            passable, width = name.find_any(characters), 1
            while passable:
                positions |= positions >> width & passable
                passable &= passable >> width
                width *= 2
            return positions

        return forward if self._is_forward else backward


def _in_turn(first: Step, second: Step) -> Step:
    return lambda name, positions: second(name, first(name, positions))


def _either(steps: Sequence[Step]) -> Step:
    def step(name: Name, positions: int) -> int:
        ends = 0
        for inner in steps:
            ends |= inner(name, positions)
        return ends

    return step


def _repeat(inner: Step, minimum: int, maximum: int) -> Step:
    """Return a step that takes another one at least and at most so many times.

    After more times than there are positions, one of them was empty, and to take it once more changes nothing.
    """

    def step(name: Name, positions: int) -> int:
        for _ in range(minimum):
            name.charge(1)
            before, positions = positions, inner(name, positions)
            if positions in (0, before):
                break
        ends = latest = positions
        for _ in range(maximum - minimum):
            latest = inner(name, latest) & ~ends
            if not latest:
                break
            ends |= latest
        return ends

    return step


def _assert(find: Callable[[Name], int], *, negated: bool) -> Step:
    """Return a step that stays at the positions that `find` lists, or at all others."""

    def step(name: Name, positions: int) -> int:
        mask = name.assertions.get(step)
        if mask is None:
            mask = find(name) ^ (name.everywhere if negated else 0)
            name.assertions[step] = mask
        return positions & mask

    return step


def _at(edge: str) -> Step:
    """Return a step that stays at the beginning, the end, or the boundaries of words; no name has several lines."""
    if edge in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return lambda _name, positions: positions & 1
    if edge in ("AT_END", "AT_END_STRING"):
        return lambda name, positions: positions & name.end
    return _assert(_find_boundaries, negated=edge == "AT_NON_BOUNDARY")


def _find_boundaries(name: Name) -> int:
    words = name.find_any(_WORD)
    return words ^ words << 1


def _list_characters(op: str, argument: Any, flags: int) -> frozenset[str]:
    """Return the printable characters that a node of one character matches. Raises NotRegular for other alphabets."""
    if op == "ANY":
        return frozenset(PRINTABLE)
    items = argument if op == "IN" else [(op.removeprefix("NOT_"), argument)]
    ignores_case = bool(flags & re.IGNORECASE)
    listed: set[str] = set()
    is_negated = op == "NOT_LITERAL"
    for kind, value in items:
        match str(kind):
            case "NEGATE":
                is_negated = True
            case "LITERAL":
                listed |= _list_range(value, value, ignores_case)
            case "RANGE":
                first, last = value
                listed |= _list_range(first, last, ignores_case)
            case _:
                listed |= _list_category(str(value))
    if ignores_case:
        listed |= set("".join(listed).swapcase())
    return frozenset(PRINTABLE) - listed if is_negated else frozenset(listed)


def _list_range(first: int, last: int, ignores_case: bool) -> set[str]:
    if ignores_case and last > _MAX_ASCII:  # some of these are small or large forms of a letter of ASCII
        raise NotRegular("case of other alphabets")
    return {character for character in PRINTABLE if first <= ord(character) <= last}


def _list_category(category: str) -> frozenset[str]:
    name = category.removeprefix("CATEGORY_")
    characters = _CATEGORIES[name.removeprefix("NOT_")]
    return frozenset(PRINTABLE) - characters if name.startswith("NOT_") else characters
