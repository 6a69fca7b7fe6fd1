"""The lines of a record, taken apart: tensors, fields that a config derives, and the clauses that pin a field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from paramcount.formats.huggingface.expressions import INDICES, Scope, evaluate, evaluate_count, parse

_TENSOR = re.compile(
    r"(?P<name>\S+) \[(?P<shape>.*?)\](?: for (?P<counts>.+?))?(?: where (?P<guard>.+?))?"
    r"(?: tied to (?P<tied>.+?))?(?P<end>(?: frozen)?(?: buffer \w+)?)"
)
_RULE = re.compile(r"(?P<name>\S+) = (?P<value>.+?)(?: for (?P<counts>.+?))?(?: where (?P<guard>.+))?")
_CLAUSE = re.compile(r"(?P<path>[a-z_][\w.]*) (?:== (?P<value>.+)|is (?P<null>None))")
_MEMBERSHIP = re.compile(r"(?P<item>'\w+') in (?P<path>[a-z_][\w.]*)")
_SEPARATOR = "; "
MAX_BLOCKS = 4000
"""The most blocks of a line that are looked at."""


class Line(NamedTuple):
    """A line of a record: the tensors of one name, or a derived field, whose value is all of its shape."""

    name: str
    shape: tuple[str, ...]
    counts: tuple[str, ...] = ()
    guard: str = "True"
    tied: str = ""
    end: str = ""  # " frozen", " buffer I64"
    is_rule: bool = False

    @property
    def text(self) -> str:
        """The line as the record has it."""
        text = f"{self.name} = {self.shape[0]}" if self.is_rule else f"{self.name} [{_SEPARATOR.join(self.shape)}]"
        text += f" for {_SEPARATOR.join(self.counts)}" if self.counts else ""
        text += f" where {self.guard}" if self.guard != "True" else ""
        return text + (f" tied to {self.tied}" if self.tied else "") + self.end

    def expand(self, scope: Scope) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the names that the line stands for, each with its indices."""
        guard = parse(self.guard)
        for indices in self._indices(scope, ()):
            if guard.truth(scope, indices):
                yield spell(self.name, indices), indices

    def _indices(self, scope: Scope, before: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(before) == len(self.counts):
            yield before
            return
        number = evaluate_count(parse(self.counts[len(before)]), scope, before)
        for index in range(min(number, MAX_BLOCKS)):
            yield from self._indices(scope, (*before, index))

    def values(self, scope: Scope, indices: Sequence[int]) -> tuple[Any, ...]:
        """The values of its shape."""
        return tuple(evaluate(parse(one), scope, indices) for one in self.shape)


def spell(template: str, indices: Sequence[int]) -> str:
    """A name with its indices in place."""
    for letter, index in zip(INDICES, indices, strict=False):
        template = template.replace(f"{{{letter}}}", str(index)).replace(f"[{letter}]", f"[{index}]")
    return template


def parse_tensor(text: str) -> Line:
    """Take apart a line of tensors."""
    match = _TENSOR.fullmatch(text)
    assert match is not None, text
    shape = tuple(match["shape"].split(_SEPARATOR)) if match["shape"] else ()
    return Line(
        match["name"], shape, _split(match["counts"]), match["guard"] or "True", match["tied"] or "", match["end"]
    )


def parse_rule(text: str) -> Line:
    """Take apart a line that derives a field."""
    match = _RULE.fullmatch(text)
    assert match is not None, text
    return Line(match["name"], (match["value"],), _split(match["counts"]), match["guard"] or "True", is_rule=True)


def _split(counts: str | None) -> tuple[str, ...]:
    return tuple(counts.split(_SEPARATOR)) if counts else ()


class Pin(NamedTuple):
    """A clause that leaves one field one value: null, or what is derived where it is null, too."""

    clause: str
    path: str
    values: tuple[str, ...]  # as the language writes them

    @property
    def is_derived(self) -> bool:
        """Return whether it is null where it is not stated, and another value in what is written out."""
        return "None" in self.values and len(self.values) > 1


def read_pin(clause: str) -> Pin | None:
    """The pin that a clause is, if it is one."""
    matches = [_CLAUSE.fullmatch(part) for part in clause.split(" or ")]
    paths = {match["path"] for match in matches if match is not None}
    if None in matches or len(paths) != 1:
        return None
    return Pin(clause, paths.pop(), tuple(match["value"] or "None" for match in matches if match is not None))


def read_membership(clause: str) -> Pin | None:
    """The pin that a clause is which leaves a list one of its items, if it is one."""
    match = _MEMBERSHIP.fullmatch(clause)
    return Pin(clause, match["path"], (match["item"],)) if match else None
