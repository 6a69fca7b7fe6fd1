"""Who trains: flags that are inherited, and rules over dotted paths, of which the last match wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import NamedTuple


class Rule(NamedTuple):
    """Whether what a glob matches trains. `*` spans dots; a layer's verdict holds for everything beneath it."""

    match: str
    trainable: bool


class Verdict(NamedTuple):
    """Whether something trains, and which rule said so (-1: the document)."""

    trainable: bool = True
    rule: int = -1


class Rules:
    """Rules, compiled. `unused` are those that have matched nothing yet."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple(rules)
        # fnmatch writes atomic groups: no glob backtracks, a match takes time in proportion to path times glob.
        self._matchers: list[Callable[[str], object]] = [
            re.compile(translate(rule.match)).match for rule in self._rules
        ]
        self._used: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def unused(self) -> tuple[Rule, ...]:
        return tuple(rule for index, rule in enumerate(self._rules) if index not in self._used)

    def settle(self, path: str, inherited: Verdict, flag: bool = True) -> Verdict:
        """The verdict on what stands at `path`; `flag` is the document's own word on it."""
        verdict = inherited if flag or inherited.rule >= 0 else Verdict(trainable=False)
        for index, matches in enumerate(self._matchers):
            if index in self._used and index < verdict.rule:
                continue
            if matches(path):
                self._used.add(index)
                if index > verdict.rule:
                    verdict = Verdict(self._rules[index].trainable, index)
        return verdict
