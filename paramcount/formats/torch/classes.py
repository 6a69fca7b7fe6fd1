"""Classes of libraries, as their source proves them: what they own and do not print, and what they build."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

Ownership = str
"""nothing, buffers, ties (its tensors may be another's), parameters, or "as Linear": the same as torch.nn.Linear."""

_TABLE = "classes.txt"
WORST_LAST = ("nothing", "buffers", "ties", "parameters")

Kinds = Mapping[str, frozenset[str]]
"""The classes that a child may have, each with those of its modules if it is a container; empty: any."""
_ANY_KIND: Kinds = {}
_NO_CLASSES: frozenset[str] = frozenset()
_PLACEHOLDERS = {"\\#": r"\d[\d,-]*", "\\*": ".*"}
"""Patterns of what a child's name leaves open: numbers, of folded copies too, and anything."""


class Structure(NamedTuple):
    """The children that a class builds, and the arguments that it prints."""

    children: Mapping[str, Kinds]
    patterns: tuple[tuple[re.Pattern[str], Kinds], ...]
    required: frozenset[str]
    arguments: frozenset[str] | None
    """None: it prints none. "*" is among them where their names are not known."""

    def find(self, name: str) -> Kinds | None:
        """Return the classes that a child of this name may have; None if there is no such child."""
        if (kinds := self.children.get(name)) is not None:
            return kinds
        return next((kinds for pattern, kinds in self.patterns if pattern.fullmatch(name)), None)


class Definition(NamedTuple):
    """A class in a library, or in a file of it where namesakes differ."""

    library: str
    path: str
    ownership: Ownership
    text: str

    @property
    def structure(self) -> Structure:
        return _parse_structure(self.text)


@cache
def _read_table() -> Mapping[str, tuple[Definition, ...]]:
    """Return the table: class -> its definitions."""
    table: dict[str, tuple[Definition, ...]] = {}
    path = library = ownership = ""
    for line in (files(__package__) / _TABLE).read_text().replace("\n  ", " ").splitlines():
        if line.startswith("# "):
            path, ownership = line[2:].split(": ")
            library = path.partition("/")[0]
            continue
        names, _, structure = line.partition(":")
        definition = Definition(library, path, ownership, structure)
        for name in names.split():
            table[name] = (*table.get(name, ()), definition)
    return table


def find_definitions(name: str) -> tuple[Definition, ...]:
    """Return what libraries define under a name, as FSDP prints it too."""
    return _read_table().get(name.removeprefix("FSDP"), ())


def find_alias(name: str) -> str:
    """Return the class of torch.nn that a library's class owns and prints the same as, or ''."""
    aliases = {known.ownership for known in find_definitions(name) if known.ownership.startswith("as ")}
    return aliases.pop()[3:] if len(aliases) == 1 else ""


@lru_cache(maxsize=4096)
def _parse_structure(text: str) -> Structure:
    """Read "(eps,*) fc1=Linear layers=ModuleList[Block] norm?=LayerNorm|Identity act layer#"."""
    children: dict[str, Kinds] = {}
    patterns = []
    required = set()
    arguments = None
    for token in text.split():
        if token.startswith("("):
            arguments = frozenset(token[1:-1].split(","))
            continue
        name, equals, classes = token.partition("=")
        kinds = dict(map(_parse_kind, classes.split("|"))) if equals else _ANY_KIND
        if "#" in name or "*" in name:
            patterns.append(
                (re.compile(re.sub(r"\\[#*]", lambda match: _PLACEHOLDERS[match[0]], re.escape(name))), kinds)
            )
            continue
        if not name.endswith("?"):
            required.add(name)
        children[name.removesuffix("?")] = kinds
    return Structure(children, tuple(patterns), frozenset(required), arguments)


def _parse_kind(text: str) -> tuple[str, frozenset[str]]:
    name, bracket, inside = text.partition("[")
    return name, frozenset(inside[:-1].split(",")) if bracket else _NO_CLASSES
