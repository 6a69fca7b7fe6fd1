"""The words in a class's source: the words that it compares strings with, and its attributes."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

Words = Mapping[str, frozenset[str]]


def vocabulary(*classes: Any) -> dict[str, set[str]]:
    """The words that the modules of some classes compare each name with."""
    words_by_name: dict[str, set[str]] = {}
    for module in {cls.__module__ for cls in classes}:
        for name, words in _of_module(module).items():
            words_by_name.setdefault(name, set()).update(words)
    return words_by_name


@lru_cache(maxsize=64)
def _of_module(module: str) -> Words:
    words_by_name: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            words = {word for side in sides for word in _words(side)}
            for name in {name for side in sides for name in _names(side)} if words else ():
                words_by_name.setdefault(name, set()).update(words)
    return {name: frozenset(words) for name, words in words_by_name.items()}


def _words(node: ast.expr) -> Iterator[str]:
    for part in node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]:
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
            yield part.value


def _names(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.Name):
            yield part.id


def read_by(cls: Any, parent: type) -> set[str]:
    """The attributes of itself that a config class's own code reads."""
    attributes: set[str] = set()
    for owner in cls.__mro__:
        if owner is parent:
            break
        for node in ast.walk(_of_class(owner)):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Load()):
                    attributes.add(name)
    return attributes


@lru_cache(maxsize=64)
def _of_class(cls: Any) -> ast.AST:
    try:
        return ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])
